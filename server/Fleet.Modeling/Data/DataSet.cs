using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.FrontEnds;

namespace Fleet.Modeling.Data;

/// <summary>Samples by use, and what their labels mean.</summary>
/// <param name="Training">What networks learn from, and what calibrates quantization.</param>
/// <param name="Validation">What the best epoch is selected by; never trained on.</param>
/// <param name="Test">What every score in a report is measured on; nothing is selected by it.</param>
/// <param name="Classes">Class names in the order of the label numbers; empty where there are no classes.</param>
internal sealed record DataSet(SampleSet Training, SampleSet Validation, SampleSet Test, IReadOnlyList<string> Classes)
{
    /// <summary>Inputs that a teacher is asked about beside the training samples, whose labels nobody knows; null for none.</summary>
    public SampleSet? Unlabelled { get; init; }

    /// <summary>True where the labels of the training samples, and of those that validate, are a teacher's answers.</summary>
    public bool IsTeachers { get; init; }

    /// <summary>What the labels are for.</summary>
    public ModelTask Task { get; init; } = ModelTask.Classification;

    /// <summary>Labels of normal samples and of anomalies as they were given; empty for other tasks, and where there are none.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    /// <summary>How boxes are made of the outputs of a teacher that is given; null: as those of our own.</summary>
    public DetectionForm? Form { get; init; }

    /// <summary>Names of the first axis of a sample, such as columns of a table; null where channels have numbers.</summary>
    public IReadOnlyList<string>? ChannelNames { get; init; }

    /// <summary>How rows of a table became values; null for other data.</summary>
    public TablePlan? Table { get; init; }

    /// <summary>How a device makes samples of what an application has; null where applications give tensors.</summary>
    public InputForm? InputForm { get; init; }

    /// <summary>How pictures and sound became values, each part; null for other data.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>True where pictures became a size that nobody named and not all files have.</summary>
    public bool IsSizeFound { get; init; }

    /// <summary>What makes features of what an application gives, at the beginning of an exported student; null for nothing.</summary>
    public FrontEnd? FrontEnd { get; init; }

    /// <summary>What was decided while reading and is worth knowing, in sentences.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>
    /// Numbers a model answers a sample with: a logit for each class, the values to predict, boxes laid out over a grid, or a score.
    /// </summary>
    public int Columns => Training.Labels switch
    {
        ValueLabels values => values.Columns,
        BoxLabels boxes => boxes.Grid.Width,
        AnomalyLabels => 1,
        _ => Classes.Count,
    };

    /// <summary>
    /// SHA-256 over the values and labels of the three parts, in order: the same digest is the same data and the same split.
    /// </summary>
    public string Sha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in new[] { Training, Validation, Test, Unlabelled }.OfType<SampleSet>())
        {
            part.AppendTo(hash);
            hash.AppendData(part.Labels.Bytes);
        }
        foreach (var piece in Training.Vocabulary?.Pieces ?? []) hash.AppendData(Encoding.UTF8.GetBytes(piece + "\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
