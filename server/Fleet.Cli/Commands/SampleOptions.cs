using System.CommandLine;
using System.Globalization;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Cli.Commands;

/// <summary>The options that name data in place of a spec: each sets one key of <c>data</c>.</summary>
internal sealed class SampleOptions
{
    /// <summary>Folders that a message names.</summary>
    private const int MostKinds = 8;

    private readonly Option<string?> _data;
    private readonly Option<string?> _label = Named("--label", "COLUMN", "With --data: what is predicted.");
    private readonly Option<string?> _input = Named("--input", "COLUMN", "With --data: column of texts [default: found out].");
    private readonly Option<string?> _test = Named("--test", "PATH", "With --data: test data; a fifth of the training data otherwise.");
    private readonly Option<string?> _unlabelled = Named(
        "--unlabelled", "PATH", "With --data: more samples, without labels, which the teacher is asked about.");
    private readonly Option<string?> _group = Named(
        "--group", "COLUMN", "With --data: machine, speaker or patient of a sample; those of one stay together in every cut.");
    private readonly Option<string?> _kind = Named(
        "--kind", "KIND", "With --data: what it is, such as text or csv [default: found out].");
    private readonly Option<SeriesSpec?> _window = new("--window")
    {
        HelpName = "ROWS[,STEP]",
        Description = "With --data: cuts a table over time into windows of so many rows, one every STEP rows [default: half of them]. "
            + "--group names its machines or runs.",
        CustomParser = result => WindowOf(result.Tokens[0].Value, result.AddError),
    };

    private readonly Option<ModelTask?> _task = TaskOption.Create();
    private readonly Option<string?> _normal = Named("--normal", "LABELS",
        "With --data and --task anomaly: labels of normal samples, as ok,idle; needed where there is a folder a class [default: 0 where "
            + "--label names a column, else all].");
    private readonly Option<Preprocessing?> _preprocess = PreprocessingOption.Create("what is left out follows from the files.");

    /// <summary>Those that say something of the data, with the key that says it in a spec.</summary>
    private readonly (Option Option, string Key)[] _keys;

    /// <param name="what">What <c>--data</c> does for the command.</param>
    public SampleOptions(string what)
    {
        _data = Named("--data", "PATH", what);
        _keys = [
            (_label, "data.labelColumn"), (_input, "data.text.column"), (_test, "data.test"), (_unlabelled, "data.unlabelled"),
            (_group, "data.groupColumn"), (_window, "data.series"), (_task, "data.task"), (_normal, "data.anomaly.normal"),
            (_kind, "data.kind"), (_preprocess, "data.preprocessing"),
        ];
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<Option> All => [_data, .. _keys.Select(one => one.Option)];

    /// <summary>True where data stands in place of a spec.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_data) is not null;

    /// <summary>The first that says nothing beside a spec, with the key that says it there; null where there is none.</summary>
    public (string Option, string Key)? WithoutData(ParseResult parsed)
        => _keys.Where(one => parsed.GetResult(one.Option) is not null)
            .Select(one => ((string, string)?)(one.Option.Name, one.Key)).FirstOrDefault();

    /// <summary>The data.</summary>
    public DataSpec Of(ParseResult parsed)
    {
        var (window, group) = (parsed.GetValue(_window), parsed.GetValue(_group));
        var (task, normal, label, more) = (
            parsed.GetValue(_task), parsed.GetValue(_normal), parsed.GetValue(_label), ModelOptions.FullPath(parsed.GetValue(_unlabelled)));
        var path = Path.GetFullPath(parsed.GetValue(_data)!);
        // Where nobody says which samples are normal, all of them are.
        var areNormal = task == ModelTask.Anomaly && normal is null && label is null && more is null;
        if (areNormal) RequireNoKinds(path);
        return new DataSpec
        {
            Kind = parsed.GetValue(_kind) ?? DataSpec.Auto,
            Train = areNormal ? null : path,
            Test = ModelOptions.FullPath(parsed.GetValue(_test)),
            Unlabelled = areNormal ? path : more,
            LabelColumn = label,
            // Windows are of units, which no part of a split shares with another.
            GroupColumn = window is null ? group : null,
            Series = window is null ? null : window with { Unit = group },
            Text = parsed.GetValue(_input) is { } column ? new TextSpec { Column = column } : null,
            Task = task,
            Anomaly = normal is null ? null
                : new AnomalySpec { Normal = normal.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) },
            Preprocessing = parsed.GetValue(_preprocess),
        };
    }

    // A folder a class says itself that its samples are of several kinds.
    private static void RequireNoKinds(string path)
    {
        if (!Directory.Exists(path)) return;
        string[] kinds = [
            .. Directory.EnumerateDirectories(path).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal),
        ];
        if (kinds.Length < 2) return;
        var listed = string.Join(", ", kinds.Take(MostKinds)) + (kinds.Length > MostKinds ? ", …" : "");
        throw new FleetException($"{path} has the folders {listed}, and --task anomaly learns from normal samples alone: name those of "
            + $"normal samples in --normal, such as --normal {kinds[0]}, or all of them where all are normal.")
        {
            Code = ExitCode.Usage,
        };
    }

    private static Option<string?> Named(string name, string help, string description)
        => new(name) { HelpName = help, Description = description };

    private static SeriesSpec? WindowOf(string text, Action<string> addError)
    {
        int[] numbers = [
            .. text.Split(',').Select(part
                => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0),
        ];
        if (numbers is [> 0] or [> 0, > 0])
            return new SeriesSpec { Window = numbers[0], Step = numbers is [_, var step] ? step : (numbers[0] + 1) / 2 };
        addError($"--window '{text}' is not written as ROWS or ROWS,STEP, such as 100,50.");
        return null;
    }
}
