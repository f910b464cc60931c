using Fleet.Modeling.Onnx;

namespace Fleet.Modeling.Evaluation;

/// <summary>Samples as a person gives them: a file, a folder, or the word <c>synthetic</c>.</summary>
/// <param name="Feeds">The samples.</param>
/// <param name="Labels">Class of each; null when nothing says.</param>
/// <param name="Source">What was given, for reports.</param>
internal sealed record ModelSamples(IFeedSource Feeds, IReadOnlyList<long>? Labels, string Source)
{
    /// <summary>The word for samples that are made up.</summary>
    public const string Synthetic = "synthetic";

    /// <summary>What is taken, for the help of commands.</summary>
    public const string Forms = "npz (arrays by input name, and 'labels') or npy whose first axis counts samples, a folder of such files or of PGM and PPM pictures (a folder in it for each class gives labels), or 'synthetic'";

    /// <summary>Samples made up when there are none.</summary>
    private const int SyntheticSamples = 16;

    /// <summary>Reads samples for a model with <paramref name="inputs"/>.</summary>
    /// <param name="data">What was given.</param>
    /// <param name="inputs">What the model takes.</param>
    /// <param name="seed">Of samples that are made up.</param>
    /// <exception cref="InvalidDataException">There are none, or they do not fit; the message says which and how.</exception>
    public static ModelSamples Read(string data, IReadOnlyList<ModelInput> inputs, int seed)
    {
        if (data == Synthetic) return new ModelSamples(new SyntheticFeeds(inputs, SyntheticSamples, seed), null, data);
        if (Directory.Exists(data))
        {
            var folder = FolderFeeds.Read(data, inputs);
            return new ModelSamples(folder, folder.Labels, data);
        }
        if (!File.Exists(data)) throw new InvalidDataException($"{data} does not exist; samples are {Forms}.");
        var file = ArrayFeeds.Read(data, inputs);
        return new ModelSamples(file, file.Labels, data);
    }
}
