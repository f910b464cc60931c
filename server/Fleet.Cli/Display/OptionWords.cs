using System.Text.RegularExpressions;

namespace Fleet.Cli.Display;

/// <summary>
/// What is said of data names keys of a spec. To who gave options in place of one, the options are named that stand for them.
/// </summary>
internal static partial class OptionWords
{
    /// <summary>The message with <c>--data</c>, <c>--test</c>, <c>--task</c> and <c>--label</c> for the keys that they set.</summary>
    public static string Of(string message) => Keys().Replace(message, key => key.Value switch
    {
        "data.train" => "--data",
        "data.test" => "--test",
        "data.task:" => "--task",
        _ => "--label",
    });

    [GeneratedRegex(@"(?<![\w./\\-])data\.(train|test|labelColumn|task:)(?![\w/\\-]|\.\w)")]
    private static partial Regex Keys();
}
