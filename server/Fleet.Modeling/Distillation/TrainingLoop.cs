using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation;

/// <summary>
/// Trains a network: AdamW, learning rate by <see cref="LearningRate"/>, and at the end the weights of the epoch that did best
/// on the validation samples. With a checkpoint it goes on where it was kept. Runs on the calling thread from start to end: dispose scopes belong to a thread.
/// </summary>
internal static class TrainingLoop
{
    /// <param name="network">Trained in place.</param>
    /// <param name="training">What it learns from.</param>
    /// <param name="validation">What the best epoch is chosen by.</param>
    /// <param name="phase">How.</param>
    /// <param name="progress">Share done, and what the last epoch reached.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    /// <returns>One point for each epoch.</returns>
    public static IReadOnlyList<EpochReport> Run(Network network, SampleSet training, SampleSet validation, TrainingPhase phase, Progress progress, CancellationToken cancellationToken)
    {
        var spec = phase.Training;
        var batches = new Batches(training, Math.Min(spec.BatchSize, training.Count), spec.Augment, phase.Seed);
        var steps = (long)spec.Epochs * batches.PerEpoch;
        using var optimizer = Optimizer(network, spec);
        var bestState = network.Snapshot();
        try
        {
            Tensor[] Kept() => [.. network.State(), .. bestState];
            var at = phase.Checkpoint?.Load(Kept(), optimizer) ?? TrainingPosition.Start;
            if (at != TrainingPosition.Start) progress.Report((double)at.Epoch / spec.Epochs, $"goes on in epoch {Math.Min(at.Epoch + 1, spec.Epochs)} of {spec.Epochs}");
            var epochs = at.Epochs.ToList();
            var best = at.Best;
            network.train();
            for (var epoch = at.Epoch; epoch < spec.Epochs; epoch++)
            {
                var view = batches.ViewOf(epoch, phase.Targets?.Logits);
                var loss = at.Loss;
                foreach (var (indices, number) in batches.Of(epoch).Skip(at.Batch))
                {
                    if (phase.Checkpoint is { IsDue: true } due) due.Save(new TrainingPosition(epoch, number, loss, epochs, best, 0), Kept(), optimizer);
                    cancellationToken.ThrowIfCancellationRequested();
                    var step = (long)epoch * batches.PerEpoch + number;
                    SetLearningRate(optimizer, LearningRate.At(step, steps, spec.LearningRate));
                    loss += Step(network, optimizer, batches, indices, view, phase.Targets, cancellationToken);
                    progress.Report((step + 1.0) / steps, epochs.Count == 0 ? "" : $"epoch {epoch + 1} of {spec.Epochs}, validation {epochs[^1].Accuracy:P2}");
                }
                var accuracy = network.Accuracy(validation, cancellationToken);
                epochs.Add(new EpochReport(phase.Name, epoch + 1, loss / batches.PerEpoch, accuracy));
                // An equal later epoch had the smaller learning rate behind it: it is taken.
                if (accuracy >= best)
                {
                    best = accuracy;
                    Dispose(bestState);
                    bestState = network.Snapshot();
                }
                at = new TrainingPosition(epoch + 1, 0, 0, epochs, best, 0);
                phase.Checkpoint?.Save(at, Kept(), optimizer);
            }
            network.Restore(bestState);
            return epochs;
        }
        finally
        {
            Dispose(bestState);
        }
    }

    private static double Step(Network network, optim.Optimizer optimizer, Batches batches, ReadOnlySpan<int> indices, int view, SoftTargets? targets, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope(); // frees every tensor this step made
        var logits = network.forward(batches.Inputs(indices, view));
        var labels = batches.Labels(indices);
        var loss = targets is null
            ? nn.functional.cross_entropy(logits, labels)
            : DistillationLoss.Of(logits, Rows(targets.Logits.Of(view, cancellationToken), indices, targets.Logits.Classes), labels, targets.Temperature, targets.Alpha);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        return loss.ToDouble() is var value && double.IsFinite(value)
            ? value
            : throw new BuildException($"Training diverged: the loss became {value}. Lower learningRate.");
    }

    private static Tensor Rows(float[] logits, ReadOnlySpan<int> indices, int classes)
    {
        var rows = new float[indices.Length * classes];
        for (var i = 0; i < indices.Length; i++) logits.AsSpan(indices[i] * classes, classes).CopyTo(rows.AsSpan(i * classes));
        return tensor(rows, [indices.Length, classes]);
    }

    // Weight decay pulls weights towards zero; pulling biases and normalization factors there only hurts.
    private static AdamW Optimizer(Network network, TrainingSpec spec)
    {
        var decayed = network.parameters().Where(parameter => parameter.dim() > 1).ToArray();
        var free = network.parameters().Where(parameter => parameter.dim() <= 1).ToArray();
        AdamW.ParamGroup[] groups =
        [
            new(decayed, spec.LearningRate, weight_decay: spec.WeightDecay),
            new(free, spec.LearningRate, weight_decay: 0),
        ];
        return optim.AdamW(groups, spec.LearningRate);
    }

    private static void SetLearningRate(optim.Optimizer optimizer, double learningRate)
    {
        foreach (var group in optimizer.ParamGroups) group.LearningRate = learningRate;
    }

    private static void Dispose(IEnumerable<Tensor> tensors)
    {
        foreach (var tensor in tensors) tensor.Dispose();
    }
}
