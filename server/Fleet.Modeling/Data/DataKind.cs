using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Media;

namespace Fleet.Modeling.Data;

/// <summary>Finds out of which kind data is, by what there is.</summary>
internal static class DataKind
{
    /// <summary>How folders are called that hold the samples of one use, beside each other.</summary>
    private static readonly string[] TrainingFolders = ["train", "training"], TestFolders = ["test", "testing"];

    /// <summary>The spec with its kind; as it is where it says one.</summary>
    /// <exception cref="BuildException">What there is cannot be told, or the spec does not go with it.</exception>
    public static DataSpec Resolve(DataSpec spec)
    {
        if (spec.Kind == "text") return TextColumns.Named(spec);
        if (spec.Kind != DataSpec.Auto) return WithParts(spec);
        if (spec.Learned is not { Length: > 0 } train) throw new BuildException("data.train must name a file or folder.");
        spec = spec with
        {
            Kind = spec.Series is not null ? "series" : spec.Text is not null ? "text" : Of(train) switch
            {
                null => throw Unknown(train),
                // Numbers without names are columns by number where one is to be predicted, else a series behind its label.
                "ucr" when spec.AllLabelColumns().Count > 0 => "csv",
                var found => found,
            },
        };
        if (spec.Kind == "text") spec = TextColumns.Named(spec);
        else if (spec.Kind == "csv" && TextColumns.Of(spec) is { } texts) spec = texts;
        if (spec is { Kind: "csv", IsUnlabelled: false } && spec.AllLabelColumns().Count == 0)
            throw new BuildException($"{train} has the columns {string.Join(", ", CsvFiles.ColumnsOf(train))}; name the one that is to be "
                + "predicted in data.labelColumn.");
        return BuildSpecRules.ProblemsOf(spec) is { Count: > 0 } problems
            ? throw new BuildException($"{train} is read as data.kind '{spec.Kind}'. {string.Join(" ", problems)}")
            : WithParts(spec);
    }

    /// <summary>What there is at a path, by its beginning, then by its name; null where neither says.</summary>
    public static string? Of(string path)
    {
        path = DataFiles.Each(path).FirstOrDefault(path);
        if (Directory.Exists(path) || MediaFiles.IsPicture(path) || MediaFiles.IsSound(path)) return "folder";
        if (MediaFiles.RemedyFor(path) is not null) return null;
        var begin = DataFiles.Beginning(path);
        return begin switch
        {
            [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', ..] => "npy",
            [(byte)'P', (byte)'K', 3 or 5, ..] => "npz",
            _ when ParquetTable.Is(begin) => "csv",
            [0, 0, >= 0x08 and <= 0x0e, >= 1 and <= 8, ..] => "idx",
            _ when begin.TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[', ..] => TextFiles.IsDocument(begin) ? "text" : "csv",
            _ when ArffTable.Is(begin) => ArffTable.IsSeries(path) ? "arff" : "csv",
            _ when Has(begin, "@problemname"u8) || Has(begin, "@classlabel"u8) || Has(begin, "@data"u8) => "ts",
            _ when begin.Contains((byte)0) || begin.Length == 0 => null,
            _ when StartsWithNumbersAlone(begin) => "ucr",
            _ => LabelledFiles.IsManifest(path) ? "folder" : "csv",
        };
    }

    private static bool Has(ReadOnlySpan<byte> begin, ReadOnlySpan<byte> word)
        => Encoding.UTF8.GetString(begin).Contains(Encoding.ASCII.GetString(word), StringComparison.OrdinalIgnoreCase)
            && begin.TrimStart(" \t\r\n"u8) is [(byte)'@' or (byte)'%' or (byte)'#', ..];

    // The first line of a series whose columns have no names: a label, and then values.
    private static bool StartsWithNumbersAlone(ReadOnlySpan<byte> begin)
    {
        string[][] lines = [
            .. Encoding.UTF8.GetString(begin).TrimStart('\r', '\n').Split('\n').Take(2)
                .Select(line => line.Split([',', '\t', ' ', '\r'], StringSplitOptions.RemoveEmptyEntries)),
        ];
        var fields = lines[0];
        // A table over time: the same unit, and the next moment.
        if (lines is [[var unit, var moment, ..], [var next, var later, ..]] && unit == next
            && int.TryParse(moment, CultureInfo.InvariantCulture, out var now) && later == (now + 1).ToString(CultureInfo.InvariantCulture))
            return false;
        // The last one may have been cut.
        return fields.Length > 2
            && fields.SkipLast(1).All(field => double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out _));
    }

    private static BuildException Unknown(string path) => new(MediaFiles.RemedyFor(path) is { } remedy
        ? $"{path}: {remedy}"
        : $"What {path} holds cannot be told; name it in data.kind: one of {string.Join(", ", BuildSpecRules.DataKinds)}.");

    // What is downloaded often has both parts below one folder.
    private static DataSpec WithParts(DataSpec spec)
    {
        if (spec is not { Kind: "folder", Train: { } folder, Test: null } || !Directory.Exists(folder)) return spec;
        string? Part(string[] names) => names.Select(name => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists);
        return (Part(TrainingFolders), Part(TestFolders)) is ({ } training, { } test) ? spec with { Train = training, Test = test } : spec;
    }
}
