using Fleet.Contracts.Builds;
using Fleet.Modeling.FrontEnds;

namespace Fleet.Modeling.Data;

/// <summary>Chooses what networks hear of signals, and computes it.</summary>
internal static class Hearing
{
    /// <summary>The front end of a data set; null where networks hear the samples themselves.</summary>
    /// <param name="spec">What was asked.</param>
    /// <param name="train">The training samples as they were read.</param>
    /// <param name="sampleRank">Axes that one sample must have; null for any.</param>
    /// <exception cref="BuildException">What was asked cannot be had of these samples.</exception>
    public static FrontEnd? FrontEndOf(DataSpec spec, RawSamples train, int? sampleRank)
    {
        if (spec.Features is { Kind: FeatureKind.Raw }) return null;
        var isSound = train.Preprocessing?.SampleRate is not null;
        if (spec.Features is null && !isSound) return null;
        if (train.SampleShape is not [var channels, var length] || sampleRank == 1)
            return spec.Features is null ? null : throw new BuildException(
                $"data.features is for signals of channels and a length, and {train.Source} has samples of "
                    + $"({string.Join(", ", train.SampleShape)}); leave it out.");
        var rate = spec.Features?.SampleRate ?? train.Preprocessing?.SampleRate ?? throw new BuildException(
            "data.features.sampleRate is missing: say how many samples a second the signals have.");
        if (isSound && rate != train.Preprocessing!.SampleRate)
            throw new BuildException($"data.features.sampleRate {rate} is not that of the sound, {train.Preprocessing.SampleRate}: leave "
                + "it out.");
        var mel = LogMel.Of(spec.Features ?? new FeatureSpec(), rate);
        if (mel.Frames(length) > 0) return mel.For(channels, length, sampleRank == 2);
        // Nobody asked for bands of sounds that are shorter than any of speech.
        return spec.Features is null ? null : throw new BuildException(
            $"data.features: samples of {length} are shorter than the {mel.Points} of a Fourier transform; ask for a shorter window "
                + "(windowMilliseconds), or for kind raw.");
    }

    /// <summary>Samples with features in place of what an application gives.</summary>
    public static SampleSet Heard(this SampleSet samples, FrontEnd? frontEnd)
    {
        if (frontEnd is null) return samples;
        var width = frontEnd.OutputShape.Aggregate(1, (product, extent) => product * extent);
        var features = samples.Values.Room.Take((long)samples.Count * width);
        FeatureRun.Run(frontEnd, samples.Count, samples.Batch,
            (start, values) => values.CopyTo(features.Part((long)start * width, values.Length)));
        return new SampleSet(features, frontEnd.OutputShape, samples.Labels) { Origins = samples.Origins, Unheard = samples };
    }
}
