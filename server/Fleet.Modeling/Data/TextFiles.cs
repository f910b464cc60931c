using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>
/// Texts with a label each, as numbers of pieces: from JSON, <c>{"train": [["text", "label"], ...], "test": ...}</c> or one such list
/// alone, of pairs or of objects with a text and a label; or from a table with a column of texts, which <see cref="TextColumns"/> finds.
/// </summary>
internal static class TextFiles
{
    /// <summary>Columns that a message names.</summary>
    private const int MostNamed = 6;

    /// <summary>The split that is read where the spec names none.</summary>
    private static readonly string[] UsualSplits = ["train"];

    /// <summary>Reads texts, or several files of them as one.</summary>
    /// <param name="path">A JSON document; or a table: CSV, TSV, an object of JSON a line, or Parquet.</param>
    /// <param name="splits">Splits of a JSON document; null for <c>train</c>.</param>
    /// <param name="spec">Columns or keys of texts and labels, length, and size of the vocabulary.</param>
    /// <param name="vocabulary">Of the training texts; null to learn it from these.</param>
    /// <param name="labelled">False: texts may stand alone, and labels are not looked at.</param>
    public static RawSamples Read(
        string path, IReadOnlyList<string>? splits, DataSpec spec, Vocabulary? vocabulary, bool labelled = true)
    {
        var asked = spec.Text ?? new TextSpec();
        var read = new Texts([], []);
        IReadOnlyList<string> paths = DataFiles.Each(path) is { Count: > 0 } files ? files : [path];
        foreach (var file in paths)
        {
            if (paths.Count > 1) read.Before = $"{Path.GetFileName(file)}, ";
            try
            {
                if (IsDocument(DataFiles.Beginning(file)))
                    ReadJson(DataFiles.Read(file), splits, asked.Column ?? "text", labelled ? spec.LabelColumn ?? "label" : null, read);
                else if (splits is not null)
                    throw new FormatException($"it is a table without splits, so that '{string.Join(", ", splits)}' is not in it "
                        + "(data.text.trainSplits, validationSplits, testSplits).");
                else ReadTable(file, spec, labelled, read);
            }
            catch (Exception e) when (e is FormatException or JsonException)
            {
                throw new BuildException($"Data file {file}: {e.Message.TrimEnd('.')}.", e);
            }
        }
        var (texts, length) = (read.Contents, asked.MaximumLength);
        if (texts.Count == 0) throw new BuildException($"{path} holds no samples.");
        if ((long)texts.Count * length > Array.MaxLength)
            throw new BuildException(
                $"{path} holds {texts.Count} texts of {length} pieces, more than one array can hold; lower data.text.maximumLength.");

        vocabulary ??= Vocabulary.Of(texts, asked.VocabularySize);
        var numbers = new float[texts.Count * length];
        // A piece more says whether any is cut off.
        var (pieces, cut) = (new float[length + 1], 0);
        for (var i = 0; i < texts.Count; i++)
        {
            vocabulary.Encode(texts[i], pieces);
            pieces.AsSpan(0, length).CopyTo(numbers.AsSpan(i * length));
            if (pieces[length] != Vocabulary.Padding) cut++;
        }
        return new RawSamples(path, numbers, [length], labelled ? RawLabels.Of(read.Labels) : RawLabels.None(texts.Count))
        {
            Vocabulary = vocabulary,
            Places = sample => read.Places[sample],
            Origins = read.Groups.Count > 0 ? RawSamples.Numbered(read.Groups) : null,
            Notes = [
                .. read.LeftOut is { Length: > 0 } others && labelled
                    ? [$"Texts are read from column '{asked.Column ?? "text"}'; {others} beside it {(read.LeavesOne ? "is" : "are")} left "
                        + "out. data.kind 'csv' (--kind csv) reads them as a table, in place of the texts."]
                    : Array.Empty<string>(),
                .. cut * 20 <= texts.Count ? [] : new[]
                {
                    $"{cut:N0} of {texts.Count:N0} texts are longer than {length} pieces, and cut there; data.text.maximumLength says "
                        + "otherwise.",
                },
            ],
        };
    }

    /// <summary>
    /// True for JSON that is one document: a list, or an object of lists; false for an object a line, and for what is no JSON.
    /// </summary>
    /// <param name="begin">How the file begins.</param>
    public static bool IsDocument(ReadOnlySpan<byte> begin)
    {
        begin = begin.TrimStart(" \t\r\n"u8);
        if (begin is not [(byte)'{', ..]) return begin is [(byte)'[', ..];
        var reader = new Utf8JsonReader(begin, isFinalBlock: false, default);
        var hasList = false;
        try
        {
            while (reader.Read())
            {
                if (reader is { CurrentDepth: 1, TokenType: JsonTokenType.StartArray or JsonTokenType.StartObject }) hasList = true;
                if (reader is { CurrentDepth: 0, TokenType: JsonTokenType.EndObject })
                    return hasList && begin[(int)reader.BytesConsumed..].TrimStart(" \t\r\n"u8).IsEmpty;
            }
        }
        catch (JsonException)
        {
            // Who reads it says where.
        }
        return hasList;
    }

    private static void ReadTable(string file, DataSpec spec, bool labelled, Texts read)
    {
        var table = TableFile.Read(file, null);
        var text = table.PlaceOf(spec.Text?.Column ?? "text", "data.text.column");
        var label = labelled ? table.PlaceOf(spec.LabelColumn ?? "label", "data.labelColumn") : -1;
        var group = labelled && spec.GroupColumn is { } column ? table.PlaceOf(column, "data.groupColumn") : -1;
        string[] others = [.. table.Columns.Where((_, place) => place != text && place != label && place != group)];
        read.LeavesOne = others.Length == 1;
        read.LeftOut = string.Join(", ", others.Take(MostNamed).Select(name => $"'{name}'"))
            + (others.Length > MostNamed ? $" and {others.Length - MostNamed} more" : "");
        foreach (var (row, fields) in table.Rows.Index())
        {
            if (fields[text].Length == 0)
                throw new FormatException(
                    $"{table.Where(row)} has no text in column '{table.Columns[text]}'; give it one, or remove the line");
            if (label >= 0 && fields[label].Length == 0 && spec.Task != ModelTask.MultiLabel)
                throw new FormatException(
                    $"{table.Where(row)} has no label in column '{table.Columns[label]}'; give it one, or remove the line");
            read.Add(fields[text], table.Where(row));
            if (label >= 0) read.Labels.Add(fields[label]);
            if (group >= 0) read.Groups.Add(fields[group]);
        }
    }

    private static void ReadJson(
        byte[] file, IReadOnlyList<string>? splits, string textKey, string? labelKey, Texts read)
    {
        using var json = JsonDocument.Parse(file.AsMemory(file.Length - DataFiles.WithoutMark(file).Length));
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
                if (string.IsNullOrWhiteSpace(text.GetString()))
                    throw new FormatException($"sample {place}{where} (counted from 0) has an empty text; remove it.");
                read.Add(text.GetString()!, $"sample {place}{where} (counted from 0)");
                read.Labels.Add(label.ToString());
            }
        }
    }

    private static string Short(string text) => text.Length <= 100 ? text : text[..100] + "...";

    /// <summary>Texts as files have them, each with its label, and what it is of where that was asked.</summary>
    private sealed record Texts(List<string> Contents, List<string> Labels)
    {
        public List<string> Groups { get; } = [];

        /// <summary>Where each stands, for messages.</summary>
        public List<string> Places { get; } = [];

        /// <summary>Columns of a table that are not read, for people; empty where there are none.</summary>
        public string LeftOut { get; set; } = "";

        /// <summary>True for one such column.</summary>
        public bool LeavesOne { get; set; }

        /// <summary>What stands before places: the file, where there are several.</summary>
        public string Before { get; set; } = "";

        public void Add(string content, string place)
        {
            Contents.Add(content);
            Places.Add(Before + place);
        }
    }
}
