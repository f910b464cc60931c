using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Training;

/// <summary>Which variations suit which kind of samples; what does not is refused rather than passed over.</summary>
internal static class VariationKinds
{
    private const string Images = "images", Series = "series", Sound = "features of sound", Texts = "texts", Rows = "rows of numbers";

    /// <summary>Refuses variations that a spec names and its samples do not go with.</summary>
    /// <param name="key">Where in the spec the training stands.</param>
    /// <param name="training">The training as asked for.</param>
    /// <param name="samples">What is learned from.</param>
    /// <exception cref="BuildException">One does not suit; the message says which do.</exception>
    public static void Require(string key, TrainingSpec training, SampleSet samples)
    {
        var kind = KindOf(samples);
        var named = Named(training).ToArray();
        var wrong = named.Where(one => one.IsAsked && one.Kind != kind).Select(one => one.Name).ToArray();
        if (wrong.Length > 0)
        {
            string[] suited = ["augment", .. named.Where(one => one.Kind == kind).Select(one => one.Name)];
            throw new BuildException(
                $"{key}.{string.Join(", ", wrong)} does not go with the samples, which are {kind} of "
                    + $"{string.Join(" x ", samples.SampleShape)}: leave it out; for {kind} there is "
                    + $"{(kind == Rows ? "nothing" : string.Join(", ", suited))}.");
        }
        if (samples.Labels is not ClassLabels && (training.Mixup == true || training.Cutmix == true))
            throw new BuildException($"{key} mixes samples (mixup, cutmix), which need one class each; leave it out.");
    }

    private static string KindOf(SampleSet samples) => samples switch
    {
        { IsSpectrum: true } => Sound,
        { Vocabulary: not null } => Texts,
        { SampleShape.Count: 3 } => Images,
        { SampleShape.Count: 2 } => Series,
        _ => Rows,
    };

    // Specs that were kept from before say `mirror` whatever the samples are; without `augment` it does nothing.
    private static IEnumerable<(string Name, string Kind, bool IsAsked)> Named(TrainingSpec training)
    {
        var moves = training.Augment != false;
        return [
            ("mirror", Images, moves && training.Mirror == true), ("mixup", Images, training.Mixup == true),
            ("cutmix", Images, training.Cutmix == true), ("operations", Images, training.Operations > 0),
            ("rotate", Series, moves && training.Rotate == true), ("noise", Series, moves && training.Noise == true),
            ("warp", Series, training.Warp == true), ("mask", Sound, moves && training.Mask == true),
        ];
    }
}
