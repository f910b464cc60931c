using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Variants;

/// <summary>A variant that sentences are about.</summary>
/// <param name="Report">What was measured.</param>
/// <param name="Judged">Against the float model.</param>
/// <param name="Model">How it was made.</param>
/// <param name="Unfused">Operators that the runtime computes in float.</param>
/// <param name="Scheme">Its scheme.</param>
internal sealed record ReasonsOf(
    VariantReport Report, Judged Judged, ControlledModel Model, IReadOnlyList<string> Unfused, IQuantizationScheme Scheme)
{
    /// <summary>What others in a batch cost a sample; null where each is rounded for itself, or it cannot be told.</summary>
    public BatchMates? Mates { get; init; }

    /// <summary>Why it is of no use though it loses no more than it may; null where it is, or loses more.</summary>
    public string? Objection { get; init; }
}

/// <summary>What to know of one variant, in sentences: why it is rejected, what was done for it, what stayed float.</summary>
internal static class VariantReasons
{
    /// <summary>Bits by which a budget is not called broken: small constants beside the weights.</summary>
    private const double ToldApart = 0.01;

    /// <summary>Layers that a sentence names; the report lists each.</summary>
    private const int MostNamed = 6;

    /// <summary>What to know of a variant whose weights lie in a file of their own.</summary>
    public static string InTwoFiles(ArtifactReference data)
        => Text($"Its weights are in {data.Name} beside it, because one ONNX file holds at most {OnnxFile.MaximumBytes:N0} bytes: keep ")
            + "the two together. A release has one file for each variant, so that this one cannot be released.";

    /// <summary>How an estimate was corrected.</summary>
    /// <param name="refinement">By what.</param>
    /// <param name="scheme">Scheme of the variant.</param>
    /// <param name="profile">Name of the profile.</param>
    public static string Refined(EstimateRefinement refinement, string scheme, string profile)
        => Text($"Its speed is estimated at {refinement.ByOperators * refinement.Factor:0.0} times the float model's, refined by what ")
            + Text($"{EstimateCorrections.Devices(refinement.Devices)} of {profile} ({Cohorts(refinement.Cohorts)}) measured of variants ")
            + Text($"that compute {Arithmetics.Of(scheme)?.InWords()}: these ran at {refinement.Factor:0.00} times their estimate, and ")
            + Text($"operators alone give {refinement.ByOperators:0.0}.");

    /// <summary>How devices come to tell which of two variants is faster: one that takes a release runs all of its profile.</summary>
    /// <param name="profile">Name of the profile.</param>
    public static string AskDevices(string profile)
        => Text($"To ask devices, release the build that made both and roll it out to {EstimateCorrections.FewestDevices} of them first: ")
            + Text($"fleet releases create BUILD; fleet rollouts start --model MODEL --version N --filter profile={profile} ")
            + Text($"--waves {EstimateCorrections.FewestDevices},100%. Each times every variant of the release before it serves one, ")
            + "takes the fastest of those that are as good, and reports all times; later builds estimate by them.";

    private static string Cohorts(int count) => count == 1 ? "1 cohort" : Text($"{count:N0} cohorts");

    /// <summary>The sentences.</summary>
    /// <param name="subject">The variant.</param>
    /// <param name="source">What it was made of.</param>
    /// <param name="bench">The float model it was compared with, and the limit.</param>
    public static IEnumerable<string> Of(ReasonsOf subject, QuantizationSource source, Bench bench)
    {
        var floatBytes = bench.Baseline.Bytes;
        var (report, judged, controlled, unfused, asked) = subject;
        var scheme = asked.Whole;
        if (!report.Accepted)
        {
            yield return subject.Objection ?? Rejection(judged.Figure, bench.Baseline.Original.Figure, bench.Required);
            if (report.Layers.Where(layer => layer.Fate == LayerFate.Costly).ToArray() is { Length: > 0 } costly)
                yield return $"Layers that cost most: {Named(costly.Select(layer => Text($"{layer.Layer} ({layer.Decibels:0.0} dB)")))}.";
        }
        if (report.ReachesPastLimit) yield return bench.ReachingPast(judged)!;
        if (controlled.Calibrator != source.Calibrator)
            yield return $"Calibrated with {controlled.Calibrator.Name}, which comes closer than {source.Calibrator.Name}.";
        if (controlled.Techniques.Count > 0)
        {
            var names = string.Join(" and ", controlled.Techniques.Select(technique => technique.Name));
            yield return controlled.SignalToNoise is var (plain, improved)
                ? Text($"Improved by {names}: {plain:0.0} to {improved:0.0} dB.")
                : $"Improved by {names}, as a form was that rounds the same layers alike.";
        }
        if (controlled.Returned.Count > 0)
            yield return $"Kept in {scheme.Kept} because rounding cost too much: "
                + $"{Named(controlled.Returned.Select(returned => TitleOf(returned.Output, source) + Gained(returned.Gain)))}.";
        if (asked.Held(source.Model.Graph) is { Count: > 0 } alone)
            yield return $"Kept in {scheme.KeptOnRequest} because that was asked for: "
                + $"{Named(alone.Select(output => TitleOf(output, source)))}.";
        if (scheme is BlockWeightsScheme { Budget: { } budget } && report.AverageBits is { } average)
            yield return OfBudget(budget, average, controlled.Returned.Count > 0,
                asked.Held(source.Model.Graph).Count > 0, asked.InAskedBits(source.Model.Graph).Count > 0);
        if (asked.InAskedBits(source.Model.Graph) is { Count: > 0 } given)
            yield return $"In the bits that were asked for: {Named(given.Select(output => TitleOf(output, source)))}.";
        if (controlled.InBytes is { } bytes)
            yield return "Weights that stayed float have 16 bits in the file"
                + (bytes.Count > 0 ? $", and {bytes.Count} of them 8" : "") + "; the runtime makes floats of them when it loads it.";
        if (report.Layers.Where(layer => layer.Fate == LayerFate.NotFused).ToArray() is { Length: > 0 } notFused)
            yield return $"Kept in float because the runtime does not compute them in integers: "
                + $"{Named(notFused.Select(layer => layer.Layer))}.";
        if (asked.InFloat(source.Model.Graph).Except(controlled.Returned.Select(one => one.Output)).ToArray() is { Length: > 0 } stored)
            yield return $"Computed in float, for which the runtime has no integer kernel; their weights are bytes in the file alone: "
                + $"{Named(stored.Select(output => TitleOf(output, source)))}.";
        if (source.Unreached.Where(branch => scheme.OperatorsOf(source.Model.Graph).Any(branch.Values.Contains)).ToArray()
            is { Length: > 0 } unreached)
            yield return $"No sample that judges reaches {Named(unreached.Select(branch => branch.Name))}: "
                + (scheme is StaticInt8Scheme ? "what has weights there stays float." : "what rounding costs there is in no figure.");
        if (scheme is StaticInt8Scheme integers && integers.UnseenIn(source).Where(branch
            => !source.Unreached.Any(other => other.Values.IsSupersetOf(branch.Values))).ToArray() is { Length: > 0 } unseen)
            yield return $"No calibration sample reaches {Named(unseen.Select(branch => branch.Name))}: what has weights there computes in "
                + "float, with weights that are bytes in the file alone.";
        if (subject.Mates is { Matter: true } mates)
            yield return "It rounds activations by the largest value of a whole batch: a sample has "
                + Text($"{mates.Alone:0.0} dB of signal to noise alone and {mates.Beside:0.0} dB in a batch beside one ")
                + Text($"{BatchMates.Louder} times louder; run samples one by one where that matters.");
        if (unfused.Count > 0) yield return $"The runtime computes in float, with weights dequantized at every run: {Named(unfused)}.";
        if (report.Bytes >= floatBytes)
            yield return Text($"It is not smaller than the float model ({report.Bytes:N0} of {floatBytes:N0} bytes).");
        if (report.Data is { } data) yield return InTwoFiles(data);
        if (scheme is TrainedGridScheme { Meaning: { } meaning }) yield return meaning;
        if (scheme is StaticInt8Scheme { Form.Symmetric: true } or TrainedGridScheme { Form.Symmetric: true })
        {
            var problems = TensorRtRules.ProblemsOf(controlled.Model);
            yield return problems.Count == 0
                ? "Its structure follows TensorRT's rules (symmetric int8, zero point 0, weights per output channel, float bias); TensorRT "
                    + "itself was not run."
                : $"TensorRT's rules are broken: {string.Join(" ", problems)}";
        }
    }

    /// <summary>What a weight takes of the bits that it may.</summary>
    internal static string OfBudget(double budget, double average, bool returned, bool held, bool given)
    {
        if (average < budget + ToldApart)
            return Text($"A weight of a matrix product takes {average:0.00} bits on average, of {budget:0.##} that it may.");
        var why = returned ? "layers were kept closer because fewer bits cost too much; give it more bits (--average-bits), or a limit "
                + "that allows a larger loss"
            : held ? "layers stay float because that was asked for"
            : given ? "layers have more because that was asked for" : "its layers cannot be stored in fewer";
        return Text($"A weight of a matrix product takes {average:0.00} bits on average, past the {budget:0.##} that it may: {why}.");
    }

    /// <summary>Why a figure is not good enough.</summary>
    internal static string Rejection(MetricValue figure, MetricValue original, Threshold required)
    {
        var limit = required.Minimum is { } least
            ? $"at least {Units.Text(least, figure.Unit)} is required"
            : $"at most {Units.Text(required.Maximum ?? 0, figure.Unit)} is allowed";
        if (!double.IsFinite(figure.Value))
            return $"{figure.Title()} could not be measured, because outputs are not finite numbers; {limit}.";
        return figure.Name == Metric.SignalToNoise.Name
            ? Text($"Signal to noise is {figure.Value:0.0} dB against the float model; at least {required.Minimum:0.0} dB is required.")
            : $"{figure.Title()} is {figure.Text()}, and {original.Text()} of the float model; {limit}.";
    }

    /// <summary>What a layer won in float; a recipe says that it stays so and not why.</summary>
    private static string Gained(double gain) => double.IsFinite(gain) ? Text($" ({gain:+0.0;-0.0} dB)") : "";

    private static string TitleOf(string output, QuantizationSource source)
        => source.Model.Graph.ProducerOf(output)?.Title() ?? output;

    /// <summary>Names, the first of many.</summary>
    internal static string Named(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return all.Length <= MostNamed
            ? string.Join(", ", all)
            : string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", all.Take(MostNamed))} and {all.Length - MostNamed} more");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
