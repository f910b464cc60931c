using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Torch;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>What a network answered of samples that were held out.</summary>
/// <param name="Rows">A row for each sample.</param>
/// <param name="Labels">Theirs.</param>
/// <param name="Learned">Labels that it learned from.</param>
internal sealed record HeldOutAnswers(float[] Rows, SampleLabels Labels, SampleLabels Learned);

/// <summary>One way of varying samples that was tried.</summary>
/// <param name="Way">Its name, and the training with it.</param>
/// <param name="Answers">Of each part that was held out.</param>
internal sealed record VariationTrial((string Name, TrainingSpec Spec) Way, IReadOnlyList<HeldOutAnswers> Answers)
{
    /// <summary>
    /// Most that a sample counts, of the loss of not knowing anything: one that is wrong with great confidence would outweigh all others.
    /// </summary>
    private const double MostOfChance = 2;

    /// <summary>Temperatures that are looked at, a quarter to four.</summary>
    private static readonly double[] Temperatures = [.. Enumerable.Range(-8, 17).Select(number => Math.Pow(2, number / 4.0))];

    /// <summary>
    /// Takes the candidate of the least loss, then what does better on top of it. That is compared with both as sure of their answers as
    /// suits them (temperature scaling: Guo et al., arXiv 1706.04599): who has learned from harder samples for a few hundred steps is
    /// less sure than after all of them, and would lose by that alone.
    /// </summary>
    /// <param name="candidates">At least one.</param>
    /// <param name="additions">Tries what there is on top of the best one.</param>
    /// <returns>A line for each, the one that is used marked: it has the least loss.</returns>
    public static IReadOnlyList<AugmentationTrial> Judge(
        IReadOnlyList<VariationTrial> candidates, Func<(string Name, TrainingSpec Spec), IReadOnlyList<VariationTrial>> additions)
    {
        double[][] losses = [.. candidates.Select(trial => trial.Losses(1, MostOfChance))];
        var best = losses.Index().MinBy(one => one.Item.Average()).Index;
        List<(string Name, double Loss, double Difference, double Error)> lines = [
            .. candidates.Zip(losses, (trial, own) =>
            {
                var (difference, error) = PairedLosses.Compared(own, losses[0]);
                return (trial.Way.Name, own.Average(), difference, error);
            }),
        ];
        var suited = candidates[best].Suited();
        foreach (var trial in additions(candidates[best].Way))
        {
            var (difference, error) = PairedLosses.Compared(trial.Suited(), suited);
            lines.Add((trial.Way.Name, lines[best].Loss + difference, lines[best].Difference + difference, error));
        }
        var used = lines.Index().MinBy(line => line.Item.Loss).Index;
        return [
            .. lines.Select((line, number) => new AugmentationTrial(line.Name, line.Loss, line.Difference, line.Error, number == used)),
        ];
    }

    /// <summary>Losses at the temperature that makes their mean least: no sample is wrong with great confidence there.</summary>
    private double[] Suited()
        => Temperatures.Select(temperature => Losses(temperature)).MinBy(losses => losses.Average())!;

    private double[] Losses(double temperature, double mostOfChance = double.PositiveInfinity)
        => [.. Answers.SelectMany(answers => Losses(answers, temperature, mostOfChance))];

    private static double[] Losses(HeldOutAnswers given, double temperature, double mostOfChance)
    {
        using var scope = NewDisposeScope();
        var (rows, heldOut, learned) = given;
        var columns = rows.Length / heldOut.Count;
        var answers = tensor(rows, [heldOut.Count, columns]);
        var labels = LabelTensor.Of(heldOut, [.. Enumerable.Range(0, heldOut.Count)], CPU);
        var losses = heldOut switch
        {
            ValueLabels => ((answers - labels) / tensor(((ValueLabels)learned).Deviation())).square().mean([1L]),
            LabelSets => nn.functional.binary_cross_entropy_with_logits(
                answers / temperature, labels, reduction: nn.Reduction.None).mean([1L]),
            _ => nn.functional.cross_entropy(answers / temperature, labels, reduction: nn.Reduction.None),
        };
        var most = heldOut is ValueLabels ? double.PositiveInfinity : mostOfChance * Math.Log(heldOut is LabelSets ? 2 : columns);
        return [.. losses.to_type(ScalarType.Float64).clamp_max(most).data<double>()];
    }
}
