namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>source.preprocessing</c>: how pictures and sound become inputs.</summary>
public static partial class BuildSpecRules
{
    /// <summary>Longest side of a picture that a model is given.</summary>
    public const int MaximumSide = 16_384;

    /// <summary>Most samples of sound that a model is given at once, and the highest rate of them a second.</summary>
    public const int MaximumWindow = 16 << 20, MaximumSampleRate = 768_000;

    /// <summary>Every rule that a preprocessing breaks by itself; what a model's input allows is judged where there is one.</summary>
    /// <param name="preprocessing">It.</param>
    /// <param name="prefix">What stands before its keys, such as <c>source.preprocessing.</c></param>
    public static IReadOnlyList<string> ProblemsOf(Preprocessing preprocessing, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(preprocessing);
        var problems = new Problems();
        JudgePreprocessing(preprocessing, prefix, problems);
        return problems.All;
    }

    private static void JudgePreprocessing(Preprocessing spec, string prefix, Problems problems)
    {
        problems.Require(spec.Mean is null || AreChannels(spec.Mean),
            $"{prefix}mean must be one number, or one for each of 3 channels.");
        problems.Require(spec.Deviation is null || (AreChannels(spec.Deviation) && spec.Deviation.All(number => number > 0)),
            $"{prefix}deviation must be one number above 0, or one for each of 3 channels.");
        problems.Require(spec.Range is null || (spec.Range is [var low, var high] && double.IsFinite(high - low) && low < high),
            $"{prefix}range must be two numbers, the lower one first, such as 0 and 255.");
        problems.Require(spec.Width is null == spec.Height is null, $"{prefix}width and {prefix}height are given both or not at all.");
        foreach (var (key, side) in ((string, int?)[])[("width", spec.Width), ("height", spec.Height)])
            problems.Require(side is null or (>= 1 and <= MaximumSide), $"{prefix}{key} {side} must be from 1 to {MaximumSide}.");
        problems.Require(spec.CropShare is null or (> 0 and <= 1), FormattableString.Invariant(
            $"{prefix}cropShare {spec.CropShare} must be above 0 and at most 1."));
        problems.Require(spec.CropShare is null || spec.Fit is PictureFit.Crop, $"{prefix}cropShare is for {prefix}fit 'crop'.");
        problems.Require(spec.Padding is null or (>= 0 and <= byte.MaxValue), $"{prefix}padding {spec.Padding} must be from 0 to 255.");
        problems.Require(spec.Padding is null || spec.Fit is PictureFit.Pad, $"{prefix}padding is for {prefix}fit 'pad'.");
        problems.Require(spec.SampleRate is null or (>= 1 and <= MaximumSampleRate),
            $"{prefix}sampleRate {spec.SampleRate} must be from 1 to {MaximumSampleRate}.");
        problems.Require(spec.Window is null or (>= 1 and <= MaximumWindow),
            $"{prefix}window {spec.Window} must be from 1 to {MaximumWindow}.");
        problems.Require(spec.Hop is null or (>= 1 and <= MaximumWindow), $"{prefix}hop {spec.Hop} must be from 1 to {MaximumWindow}.");
    }

    private static bool AreChannels(IReadOnlyList<double> numbers) => numbers.Count is 1 or 3 && numbers.All(double.IsFinite);
}
