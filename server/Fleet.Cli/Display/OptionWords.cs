using System.Text.RegularExpressions;

namespace Fleet.Cli.Display;

/// <summary>
/// What is said of data names keys of a spec. To who gave options in place of one, the options are named that stand for them.
/// </summary>
internal static partial class OptionWords
{
    /// <summary>The message with <c>--data</c>, <c>--label</c> and others for the keys that they set.</summary>
    public static string Of(string message) => Keys().Replace(message, key => key.Value switch
    {
        "data.train" => "--data",
        "data.test" => "--test",
        "data.task:" or "data.task" => "--task",
        "data.anomaly" or "data.anomaly.normal" => "--normal",
        "data.text.column" => "--input",
        "data.unlabelled" => "--unlabelled",
        "data.groupColumn" => "--group",
        "data.series" => "--window",
        "data.kind" => "--kind",
        _ => "--label",
    });

    [GeneratedRegex(@"(?<![\w./\\-])data\.(train|test|labelColumn|task:|task(?= ')|text\.column|unlabelled|groupColumn|series|kind"
        + @"|anomaly(\.normal)?)(?![\w/\\-]|\.\w)")]
    private static partial Regex Keys();
}
