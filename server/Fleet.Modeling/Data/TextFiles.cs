using System.Text;
using System.Text.Json;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>
/// Texts with a label each, as numbers of pieces: from JSON of the form <c>{"train": [["text", "label"], ...], "test": ...}</c>,
/// or from CSV with a column of texts.
/// </summary>
internal static class TextFiles
{
    /// <summary>The split that is read where the spec names none.</summary>
    private static readonly string[] UsualSplits = ["train"];

    /// <param name="path">JSON or CSV, told apart by the first character.</param>
    /// <param name="splits">Splits of a JSON file; null for <c>train</c>.</param>
    /// <param name="spec">Column, length and size of the vocabulary.</param>
    /// <param name="labelColumn">Column of the labels in a CSV file.</param>
    /// <param name="vocabulary">Of the training texts; null to learn it from these.</param>
    public static RawSamples Read(string path, IReadOnlyList<string>? splits, TextSpec spec, string? labelColumn, Vocabulary? vocabulary)
    {
        var bytes = DataFiles.Read(path);
        var texts = new List<string>();
        var labels = new List<string>();
        try
        {
            if (bytes.AsSpan().TrimStart(" \t\r\n\u00ef\u00bb\u00bf"u8) is [(byte)'{', ..]) ReadJson(bytes, splits ?? UsualSplits, texts, labels);
            else ReadCsv(bytes, spec.Column, labelColumn, texts, labels);
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw new BuildException($"Data file {path}: {e.Message}", e);
        }
        if (texts.Count == 0) throw new BuildException($"{path} holds no samples.");

        vocabulary ??= Vocabulary.Of(texts, spec.VocabularySize);
        if ((long)texts.Count * spec.MaximumLength > Array.MaxLength) throw new BuildException($"{path} holds {texts.Count} texts of {spec.MaximumLength} pieces, more than one array can hold; lower data.text.maximumLength.");
        var numbers = new float[texts.Count * spec.MaximumLength];
        for (var i = 0; i < texts.Count; i++) vocabulary.Encode(texts[i], numbers.AsSpan(i * spec.MaximumLength, spec.MaximumLength));
        var (classes, names) = LabelNames.Number(labels);
        return new RawSamples(path, numbers, [spec.MaximumLength], classes, names) { Vocabulary = vocabulary };
    }

    private static void ReadJson(byte[] file, IReadOnlyList<string> splits, List<string> texts, List<string> labels)
    {
        using var json = JsonDocument.Parse(file.AsMemory(file is [0xef, 0xbb, 0xbf, ..] ? 3 : 0));
        foreach (var split in splits)
        {
            if (!json.RootElement.TryGetProperty(split, out var samples) || samples.ValueKind != JsonValueKind.Array)
                throw new FormatException($"it has no split '{split}'; it has {string.Join(", ", json.RootElement.EnumerateObject().Select(property => property.Name))} (data.text.trainSplits, validationSplits, testSplits).");
            foreach (var (place, sample) in samples.EnumerateArray().Index())
            {
                if (sample.ValueKind != JsonValueKind.Array || sample.GetArrayLength() != 2 || sample.EnumerateArray().Any(part => part.ValueKind != JsonValueKind.String))
                    throw new FormatException($"sample {place} of split '{split}' (counted from 0) is {Short(sample.GetRawText())}; it must be a text and a label, [\"text\", \"label\"].");
                texts.Add(sample[0].GetString()!);
                labels.Add(sample[1].GetString()!);
            }
        }
    }

    private static void ReadCsv(byte[] file, string? textColumn, string? labelColumn, List<string> texts, List<string> labels)
    {
        using var reader = new StreamReader(new MemoryStream(file), Encoding.UTF8);
        IReadOnlyList<string>? header = null;
        int text = -1, label = -1;
        int Column(string key, string? name) => name is not null && header!.ToList().IndexOf(name) is >= 0 and var column
            ? column
            : throw new FormatException($"it has no column '{name}' ({key}); its columns are {Short(string.Join(", ", header!))}.");
        foreach (var (line, fields) in CsvReader.Read(reader))
        {
            if (header is null)
            {
                header = [.. fields.Select(field => field.Trim())];
                (text, label) = (Column("data.text.column", textColumn), Column("data.labelColumn", labelColumn));
                continue;
            }
            if (fields.Count != header.Count) throw new FormatException($"line {line} has {fields.Count} fields where the header has {header.Count}.");
            texts.Add(fields[text]);
            labels.Add(fields[label].Trim());
        }
    }

    private static string Short(string text) => text.Length <= 100 ? text : text[..100] + "...";
}
