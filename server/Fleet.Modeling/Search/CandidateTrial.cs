using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Evaluation;

namespace Fleet.Modeling.Search;

/// <summary>
/// Trains a candidate for some steps on the labels, or with a teacher beside them, and judges it on what was held out. The same candidate,
/// data, seed and steps give the same figures: nothing is carried over from another trial.
/// </summary>
/// <param name="parts">What to train and judge on, in the shape that its family takes.</param>
/// <param name="normalization">First step of the network.</param>
/// <param name="plan">The network.</param>
/// <param name="asked">The training as the spec asks for it.</param>
/// <param name="seed">Seed of weights and order.</param>
internal sealed class CandidateTrial(HeldOutParts parts, Normalization normalization, NetworkPlan plan, TrainingSpec asked, int seed)
{
    /// <summary>Draws of the held-out samples that the standard error is taken over (Efron, 1979).</summary>
    private const int Draws = 100;

    /// <summary>Who teaches it, and by which losses; null for the labels alone.</summary>
    public (PartTeachers Teachers, DistillationSpec Losses)? Taught { get; init; }

    /// <summary>
    /// Answers of the file that a network is written as, given the samples that it learned from and those that judge; null for its own.
    /// </summary>
    public Func<Network, SampleSet, SampleSet, float[]>? Written { get; init; }

    /// <param name="rung">Number of the rung, from 0.</param>
    /// <param name="steps">Steps of each training.</param>
    /// <param name="repetitions">How often the samples are cut anew.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public CandidateResult Run(int rung, int steps, int repetitions, CancellationToken cancellationToken)
    {
        var began = CpuClock.Now(everyThread: true);
        var judged = parts.Judged;
        var numbers = new List<int>();
        var outputs = new List<float>();
        var losses = new double[judged.Count];
        var lost = new List<double>();
        var trainings = 0;
        for (var repetition = 0; repetition < repetitions; repetition++)
        {
            foreach (var (training, held) in parts.Repetition(repetition))
            {
                var heldOut = judged.Pick(held);
                var rows = Trained(training, heldOut, steps, trainings, lost, cancellationToken);
                foreach (var (sample, loss) in held.Zip(HeldOutLoss.Of(rows, heldOut, training))) losses[sample] += loss / repetitions;
                numbers.AddRange(held);
                outputs.AddRange(rows);
                trainings++;
            }
        }
        var figures = Figures(judged, [.. numbers], [.. outputs], repetitions);
        var spent = CpuClock.Between(began, CpuClock.Now(everyThread: true));
        return new CandidateResult(
            new SearchRung(rung + 1, steps, trainings, figures.Figure, figures.Error, losses.Average(), spent.TotalSeconds), losses)
        {
            Lost = lost.Count > 0 ? lost.Average() : 0,
        };
    }

    private float[] Trained(
        SampleSet training, SampleSet heldOut, int steps, int number, List<double> lost, CancellationToken cancellationToken)
    {
        var seedOfPart = unchecked(seed + 101 * number);
        var usual = Course.Of(asked, training.Count);
        var batch = usual.BatchSize;
        // Of many samples no more than are seen once.
        var seen = Splits.Subset(training, Math.Max(batch, steps * batch), new Random(seedOfPart));
        var epochs = Math.Max(1, (int)Math.Round((double)steps / usual.StepsOfEpoch(seen.Count)));
        var course = asked with { Epochs = epochs, BatchSize = batch, Patience = 0, StopAfter = null };
        using var network = new Network(plan, normalization, seedOfPart);
        // As its last step leaves it: what judges does not choose an epoch as well.
        var none = heldOut.Take(0);
        if (Taught is { } taught)
            StudentTraining.Towards(network, Teacher(taught.Teachers), seen, none,
                taught.Losses with { Training = course }, seedOfPart, taught.Teachers.Folder, null, Progress.Unheard, cancellationToken);
        else
            TrainingLoop.Run(network, seen, none, new TrainingPhase("search", course, seedOfPart), Progress.Unheard, cancellationToken);
        var own = network.Outputs(heldOut, cancellationToken);
        if (Written is not { } written) return own;
        var rows = written(network, training, heldOut);
        lost.Add(Lost(heldOut.Labels.Score(own)[0], heldOut.Labels.Score(rows)[0]));
        return rows;

        // Trained for as large a share of its course as the student.
        ITeacherModel Teacher(PartTeachers teachers) => teachers.Of(
            number, training, Math.Min(1, (double)steps / (usual.Epochs * usual.StepsOfEpoch(training.Count))), cancellationToken);
    }

    // Of a share points, of an error a share of it.
    private static double Lost(MetricValue own, MetricValue written) => written.Better == MetricDirection.Higher
        ? own.Value - written.Value : written.Value / own.Value - 1;

    // The same samples are drawn in every repetition: cut anew they are no new samples.
    private (MetricValue Figure, double Error) Figures(SampleSet judged, int[] numbers, float[] outputs, int repetitions)
    {
        var columns = outputs.Length / numbers.Length;
        var count = numbers.Length / repetitions;
        var rowOf = new int[repetitions, judged.Count];
        foreach (var (row, sample) in numbers.Index()) rowOf[row / count, sample] = row;
        MetricValue Score(int[] samples)
        {
            var picked = new float[samples.Length * repetitions * columns];
            var labels = new int[samples.Length * repetitions];
            for (var place = 0; place < labels.Length; place++)
            {
                labels[place] = samples[place % samples.Length];
                outputs.AsSpan(rowOf[place / samples.Length, labels[place]] * columns, columns).CopyTo(picked.AsSpan(place * columns));
            }
            return judged.Labels.Pick(labels).Score(picked)[0];
        }
        int[] present = [.. numbers.Take(count)];
        var random = new Random(seed);
        double[] drawn = [
            .. Enumerable.Range(0, Draws)
                .Select(_ => Score([.. Enumerable.Range(0, count).Select(_ => present[random.Next(count)])]).Value),
        ];
        var mean = drawn.Average();
        return (Score(present), Math.Sqrt(drawn.Average(value => (value - mean) * (value - mean))));
    }
}
