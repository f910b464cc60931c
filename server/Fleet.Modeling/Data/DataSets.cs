using Fleet.Contracts.Builds;
using Fleet.Modeling.Data.Vibration;

namespace Fleet.Modeling.Data;

/// <summary>Turns a data spec into samples by use: reads or generates, checks, shapes, cuts.</summary>
internal static class DataSets
{
    /// <param name="spec">What to read.</param>
    /// <param name="sampleRank">Axes one sample must have: 1 for texts, 2 for signals (channels, length), 3 for images (channels, height, width); null for any.</param>
    /// <param name="seed">Seed of generated samples and of every cut.</param>
    public static DataSet Load(DataSpec spec, int? sampleRank, int seed)
    {
        var random = new Random(seed);
        var train = Read(spec, spec.Train, spec.TrainLabels, spec.Text?.TrainSplits, null, random);
        RawSamples? Held(string? path, IReadOnlyList<string>? splits) => path is null && splits is null ? null : Read(spec, path ?? spec.Train, spec.TestLabels, splits, train.Vocabulary, random);
        var test = Held(spec.Test, spec.Text?.TestSplits);
        var held = Held(null, spec.Text?.ValidationSplits);

        var classes = spec.Classes ?? train.LabelNames ?? Numbers(train);
        var training = Check(train, classes, spec, sampleRank);
        if (spec.Kind != "vibration" && spec.Samples > 0) training = Splits.Subset(training, spec.Samples, random);

        SampleSet judged;
        if (test is null)
        {
            (training, judged) = Splits.Cut(training, spec.TestShare, random);
        }
        else
        {
            judged = Check(test, classes, spec, sampleRank);
            if (!judged.SampleShape.SequenceEqual(training.SampleShape))
                throw new BuildException($"Test samples of {test.Source} have shape ({Text(judged.SampleShape)}) and training samples of {train.Source} ({Text(training.SampleShape)}); they must agree.");
        }
        // Cut even where the validation samples are given: it also mixes the classes of the training samples.
        (training, var validation) = Splits.Cut(training, held is null ? spec.ValidationShare : 0, random);
        if (held is not null) validation = Check(held, classes, spec, sampleRank);
        if (training.Count < classes.Count || judged.Count == 0)
            throw new BuildException($"{train.Source} leaves {training.Count} training and {judged.Count} test samples for {classes.Count} classes; give more samples or other shares (data.validationShare {spec.ValidationShare}, data.testShare {spec.TestShare}).");
        // Without samples of its own the selection falls back to the training samples: a choice, and better than the test samples.
        return new DataSet(training, validation.Count > 0 ? validation : training, judged, classes);
    }

    private static RawSamples Read(DataSpec spec, string? path, string? labelsPath, IReadOnlyList<string>? splits, Vocabulary? vocabulary, Random random) => spec.Kind switch
    {
        "vibration" => VibrationData.Generate(spec.Samples, random),
        "npz" => NumpyFiles.ReadNpz(path!),
        "npy" => NumpyFiles.ReadNpy(path!, labelsPath ?? throw MissingLabels(path!)),
        "idx" => IdxFiles.Read(path!, labelsPath ?? throw MissingLabels(path!)),
        "csv" => CsvFiles.Read(path!, spec.LabelColumn!),
        "text" => TextFiles.Read(path!, splits, spec.Text ?? new TextSpec(), spec.LabelColumn, vocabulary),
        _ => throw new BuildException($"data.kind '{spec.Kind}' is not known; it is one of {string.Join(", ", BuildSpecRules.DataKinds)}."),
    };

    private static BuildException MissingLabels(string path) => new($"{path} has no file of labels; name it in data.trainLabels or data.testLabels.");

    private static SampleSet Check(RawSamples raw, IReadOnlyList<string> classes, DataSpec spec, int? sampleRank)
    {
        if (raw.Labels.Length == 0) throw new BuildException($"{raw.Source} holds no samples.");
        var bad = Array.FindIndex(raw.Inputs, value => !float.IsFinite(value));
        var length = raw.Inputs.Length / raw.Labels.Length;
        if (bad >= 0) throw new BuildException($"{raw.Source} holds {raw.Inputs[bad]} in sample {bad / length} (counted from 0); remove or repair samples that are not finite.");
        return new SampleSet(raw.Inputs, Shape(raw, spec.SampleShape, sampleRank), Labels(raw, classes)) { Vocabulary = raw.Vocabulary };
    }

    private static long[] Labels(RawSamples raw, IReadOnlyList<string> classes)
    {
        if (raw.LabelNames is { } names)
        {
            var known = classes.ToList();
            long[] numbers = [.. names.Select(name => (long)known.IndexOf(name))];
            return Array.IndexOf(numbers, -1L) is >= 0 and var unknown
                ? throw new BuildException($"{raw.Source} has the label '{names[unknown]}', which is none of the classes {string.Join(", ", classes)}; add it to data.classes or remove its samples.")
                : [.. raw.Labels.Select(label => numbers[label])];
        }
        return Array.FindIndex(raw.Labels, label => label < 0 || label >= classes.Count) is >= 0 and var outside
            ? throw new BuildException($"{raw.Source} has the label {raw.Labels[outside]} at sample {outside} (counted from 0); labels are 0 to {classes.Count - 1} for {classes.Count} classes.")
            : raw.Labels;
    }

    private static int[] Shape(RawSamples raw, IReadOnlyList<int>? wanted, int? sampleRank)
    {
        var shape = wanted ?? raw.SampleShape;
        if (shape.Aggregate(1L, (product, extent) => product * extent) != raw.SampleShape.Aggregate(1L, (product, extent) => product * extent))
            throw new BuildException($"data.sampleShape ({Text(shape)}) does not hold the values of one sample of {raw.Source}, whose shape is ({Text(raw.SampleShape)}).");
        // A grey image or a single signal comes without its channel axis.
        if (wanted is null && shape.Count == sampleRank - 1) shape = [1, .. shape];
        return sampleRank is null || shape.Count == sampleRank
            ? [.. shape]
            : throw new BuildException($"Samples of {raw.Source} have shape ({Text(shape)}); this family takes {sampleRank switch { 1 => "one row", 2 => "channels and length", _ => "channels, height and width" }}. Set data.sampleShape or choose another family.");
    }

    // Without names a class is its number; a negative or absurd one is refused later, by the range the others set.
    private static string[] Numbers(RawSamples raw)
    {
        var largest = raw.Labels.Length == 0 ? 0 : raw.Labels.Max();
        return largest < raw.Labels.Length
            ? [.. Enumerable.Range(0, (int)Math.Max(0, largest) + 1).Select(number => number.ToString(System.Globalization.CultureInfo.InvariantCulture))]
            : throw new BuildException($"{raw.Source} has the label {largest} among {raw.Labels.Length} samples; class numbers count from 0 without gaps this large.");
    }

    private static string Text(IReadOnlyList<int> shape) => string.Join(", ", shape);
}
