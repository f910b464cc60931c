using System.Text;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>
/// Texts with a label each, as numbers of pieces: from JSON, <c>{"train": [["text", "label"], ...], "test": ...}</c> or one such list
/// alone, of pairs or of objects with a text and a label; or from CSV with a column of texts.
/// </summary>
internal static class TextFiles
{
    /// <summary>The split that is read where the spec names none.</summary>
    private static readonly string[] UsualSplits = ["train"];

    /// <param name="path">JSON or CSV, told apart by the first character.</param>
    /// <param name="splits">Splits of a JSON file; null for <c>train</c>.</param>
    /// <param name="spec">Column or key of the texts, length and size of the vocabulary.</param>
    /// <param name="labelColumn">Column, or key, of the labels.</param>
    /// <param name="vocabulary">Of the training texts; null to learn it from these.</param>
    /// <param name="labelled">False: texts may stand alone, and labels are not looked at.</param>
    public static RawSamples Read(
        string path, IReadOnlyList<string>? splits, TextSpec spec, string? labelColumn, Vocabulary? vocabulary, bool labelled = true)
    {
        var bytes = DataFiles.Read(path);
        var texts = new List<string>();
        var labels = new List<string>();
        try
        {
            if (bytes.AsSpan().TrimStart(" \t\r\n\u00ef\u00bb\u00bf"u8) is [(byte)'{' or (byte)'[', ..])
                ReadJson(bytes, splits, spec.Column ?? "text", labelled ? labelColumn ?? "label" : null, texts, labels);
            else ReadCsv(bytes, spec.Column, labelColumn, labelled, texts, labels);
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw new BuildException($"Data file {path}: {e.Message}", e);
        }
        if (texts.Count == 0) throw new BuildException($"{path} holds no samples.");

        vocabulary ??= Vocabulary.Of(texts, spec.VocabularySize);
        if ((long)texts.Count * spec.MaximumLength > Array.MaxLength)
            throw new BuildException(
                $"{path} holds {texts.Count} texts of {spec.MaximumLength} pieces, more than one array can hold; lower "
                    + "data.text.maximumLength.");
        var numbers = new float[texts.Count * spec.MaximumLength];
        for (var i = 0; i < texts.Count; i++) vocabulary.Encode(texts[i], numbers.AsSpan(i * spec.MaximumLength, spec.MaximumLength));
        return new RawSamples(path, numbers, [spec.MaximumLength], labelled ? RawLabels.Of(labels) : RawLabels.None(texts.Count))
        {
            Vocabulary = vocabulary,
        };
    }

    private static void ReadJson(
        byte[] file, IReadOnlyList<string>? splits, string textKey, string? labelKey, List<string> texts, List<string> labels)
    {
        using var json = JsonDocument.Parse(file.AsMemory(file is [0xef, 0xbb, 0xbf, ..] ? 3 : 0));
        if (json.RootElement.ValueKind == JsonValueKind.Array)
        {
            if (splits is not null)
                throw new FormatException(
                    $"it is one list without splits, so that '{string.Join(", ", splits)}' is not in it (data.text.trainSplits, "
                        + "validationSplits, testSplits).");
            Take(json.RootElement, "");
            return;
        }
        foreach (var split in splits ?? UsualSplits)
        {
            if (!json.RootElement.TryGetProperty(split, out var samples) || samples.ValueKind != JsonValueKind.Array)
                throw new FormatException(
                    $"it has no split '{split}'; it has "
                        + $"{string.Join(", ", json.RootElement.EnumerateObject().Select(property => property.Name))} "
                        + "(data.text.trainSplits, validationSplits, testSplits).");
            Take(samples, $" of split '{split}'");
        }

        void Take(JsonElement samples, string where)
        {
            foreach (var (place, sample) in samples.EnumerateArray().Index())
            {
                var (text, label) = sample.ValueKind switch
                {
                    JsonValueKind.Array when sample.GetArrayLength() == 2 => (sample[0], sample[1]),
                    JsonValueKind.String when labelKey is null => (sample, sample),
                    JsonValueKind.Object when labelKey is null && sample.TryGetProperty(textKey, out var alone) => (alone, alone),
                    JsonValueKind.Object when labelKey is not null && sample.TryGetProperty(textKey, out var said)
                        && sample.TryGetProperty(labelKey, out var meant) => (said, meant),
                    _ => default,
                };
                if (text.ValueKind != JsonValueKind.String || label.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
                    throw new FormatException(
                        $"sample {place}{where} (counted from 0) is {Short(sample.GetRawText())}; it must be a text and a label, "
                            + $"[\"text\", \"label\"] or {{\"{textKey}\": \"text\", \"{labelKey ?? "label"}\": \"label\"}} "
                            + $"(data.text.column, data.labelColumn){(labelKey is null ? ", or a text alone" : "")}.");
                texts.Add(text.GetString()!);
                labels.Add(label.ToString());
            }
        }
    }

    private static void ReadCsv(
        byte[] file, string? textColumn, string? labelColumn, bool labelled, List<string> texts, List<string> labels)
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
                text = Column("data.text.column", textColumn);
                label = labelled ? Column("data.labelColumn", labelColumn) : text;
                continue;
            }
            if (fields.Count != header.Count)
                throw new FormatException($"line {line} has {fields.Count} fields where the header has {header.Count}.");
            texts.Add(fields[text]);
            labels.Add(fields[label].Trim());
        }
    }

    private static string Short(string text) => text.Length <= 100 ? text : text[..100] + "...";
}
