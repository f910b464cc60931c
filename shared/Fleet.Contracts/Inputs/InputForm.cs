using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>
/// How what an application has becomes the input of a model: written into the model's file by whoever trained it, and carried out by the
/// host on the device. The file is signed by its digest, and with it this.
/// </summary>
public sealed record InputForm
{
    /// <summary>Key of the file's metadata that holds it as JSON.</summary>
    public const string Key = "fleet.input";

    /// <summary>
    /// The latest rules that this build carries out: 1 makes a sample of an instance, 2 one of each of its windows. A form is written by
    /// the earliest rules that say what it means, which older hosts know too.
    /// </summary>
    public const int Current = 2;

    /// <summary>
    /// Which rules it was written by. A host that does not know them serves tensors alone: what it cannot repeat exactly it does not try.
    /// </summary>
    public int Version { get; set; } = 1;

    /// <summary>True where this build carries it out.</summary>
    [JsonIgnore]
    public bool IsKnown => Version is >= 1 and <= Current;

    /// <summary>How rows of a table become samples; null where they do not.</summary>
    public TablePlan? Table { get; init; }

    /// <summary>How pictures become samples, each part; null where they do not.</summary>
    public Preprocessing? Picture { get; init; }

    /// <summary>How sound becomes samples, each part; null where it does not.</summary>
    public Preprocessing? Sound { get; init; }

    /// <summary>How rows of a table over time become samples; null where they do not.</summary>
    public SeriesForm? Series { get; init; }

    /// <summary>How rows or sound are cut into samples; null where an instance is one.</summary>
    public WindowForm? Windows { get; init; }

    /// <summary>How texts become samples; null where they do not. It stands under keys of its own, which other programs know.</summary>
    [JsonIgnore]
    public TextForm? Text { get; init; }

    /// <summary>It as it stands in a file.</summary>
    public string Write() => JsonSerializer.Serialize(
        this with { Version = Windows is null ? 1 : WithWindows }, WireJson.Default.InputForm);

    private const int WithWindows = 2;

    /// <summary>Reads what stands in a file.</summary>
    /// <exception cref="FormatException">It is too large, is not JSON, or breaks a rule.</exception>
    public static InputForm Read(string text)
    {
        if (text.Length > Limits.InputFormLength)
            throw new FormatException($"{Key} has {text.Length} characters; at most {Limits.InputFormLength} are read.");
        InputForm? form;
        try
        {
            // What a later version means by a key is not known here, nor which values it may have.
            if (JsonSerializer.Deserialize(text, WireJson.Default.FormVersion) is { Version: not (>= 1 and <= Current) and var later })
                return new InputForm { Version = later };
            form = JsonSerializer.Deserialize(text, WireJson.Default.InputForm);
        }
        catch (JsonException e)
        {
            throw new FormatException($"{Key} is not an input form: {e.Message}", e);
        }
        if (form is null) throw new FormatException($"{Key} is empty.");
        return ProblemOf(form) is { } problem ? throw new FormatException($"{Key}: {problem}") : form;
    }

    /// <summary>What the metadata of a file says; null for nothing.</summary>
    /// <param name="metadata">The value of a key, or null.</param>
    /// <exception cref="FormatException">It is too large, is not JSON, or breaks a rule.</exception>
    public static InputForm? Of(Func<string, string?> metadata)
        => metadata(Key) is { } text ? Read(text) : TextForm.Of(metadata) is { } texts ? new InputForm { Text = texts } : null;

    /// <summary>
    /// What makes samples of what an application has: an <see cref="IStreamReader"/> with <see cref="Windows"/>, an
    /// <see cref="IInstanceReader"/> without.
    /// </summary>
    /// <exception cref="FormatException">The form says nothing, or what cannot be carried out.</exception>
    public IInputReader Reader()
    {
        try
        {
            return this switch
            {
                { Series: { } series, Windows: { } windows } => new SeriesReader(series, windows),
                { Sound: { } sound, Windows: { } windows } => new SoundStreamReader(sound, windows),
                { Table: { } table } => new RowReader(table),
                { Picture: { } picture } => new PictureReader(picture),
                { Sound: { } sound } => new SoundReader(sound),
                { Text: { } text } => new SentenceReader(text),
                _ => throw new FormatException($"{Key} says nothing of what is made an input."),
            };
        }
        catch (InvalidDataException e)
        {
            throw new FormatException($"{Key}: {e.Message}", e);
        }
    }

    /// <summary>The first rule that a form breaks, in a sentence; null where it keeps to all.</summary>
    public static string? ProblemOf(InputForm form)
    {
        if (form.Windows is { } windows)
        {
            if (form.Version < WithWindows) return $"It has windows, which version {form.Version} does not know.";
            if (windows.Problem() is { } problem) return problem;
            if (form is { Series: null, Sound: null }) return "Windows are cut of series and of sound, and neither is said.";
            if (windows.Padding == WindowPadding.FirstRow != form.Series is not null)
                return "Windows of series are filled with their first row, and those of sound with silence.";
        }
        if (form.Series is { } series) return series.Problem(form.Windows);
        if (form.Table is not { } table) return null;
        if (table.Columns.Count is 0 or > Limits.TableColumns)
            return $"A table has 1 to {Limits.TableColumns} columns, not {table.Columns.Count}.";
        if (table.Columns.GroupBy(column => column.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Skip(1).Any()) is { } twice)
            return $"Two columns have the name '{twice.Key}'.";
        foreach (var column in table.Columns)
        {
            if (column.Name.Length > Limits.TableWordLength)
                return $"A column has a name of {column.Name.Length} characters, '{column.Name[..20]}...'; at most "
                    + $"{Limits.TableWordLength} are allowed.";
            if (column.Words.Count > Limits.TableWords)
                return $"Column '{column.Name}' has {column.Words.Count} words; at most {Limits.TableWords} are allowed.";
            if (column.Words.FirstOrDefault(word => word.Length > Limits.TableWordLength) is { } word)
                return $"Column '{column.Name}' holds a word of {word.Length} characters; at most {Limits.TableWordLength} are allowed.";
            if (column.Words.Distinct(StringComparer.Ordinal).Count() != column.Words.Count)
                return $"Column '{column.Name}' has a word twice.";
            if (column.Kind == TableColumnKind.Date && column.Format is not { Length: > 0 and <= Limits.TableWordLength })
                return $"Column '{column.Name}' holds dates, and how they are written is not said.";
            if (column.Kind != TableColumnKind.Date && column.Format is not null)
                return $"Column '{column.Name}' has a format, and holds no dates.";
        }
        return null;
    }
}

/// <summary>All that is read of a form before it is known that this build carries it out.</summary>
public sealed record FormVersion
{
    /// <inheritdoc cref="InputForm.Version"/>
    public int Version { get; set; } = 1;
}
