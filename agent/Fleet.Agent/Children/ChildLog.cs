using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Children;

/// <summary>
/// A child writes its log to standard error with the level as a number in front (<c>&lt;4&gt;message</c>, sd-daemon(3)), and the agent
/// passes each line on at that level. Lines without a number come from native libraries and count as warnings.
/// </summary>
internal static partial class ChildLog
{
    /// <summary>Characters of one line that are passed on.</summary>
    private const int MaximumLength = 4000;

    /// <summary>Passes one line on.</summary>
    public static void Forward(ILogger logger, string line)
    {
        var numbered = line is ['<', >= '0' and <= '7', '>', ..];
        var text = numbered ? line[3..] : line;
        LogLine(logger, numbered ? LevelOf(line[1]) : LogLevel.Warning, text.Length <= MaximumLength ? text : text[..MaximumLength]);
    }

    private static LogLevel LevelOf(char number) => number switch
    {
        '7' => LogLevel.Debug,
        '6' or '5' => LogLevel.Information,
        '4' => LogLevel.Warning,
        _ => LogLevel.Error,
    };

    [LoggerMessage(Message = "Child: {Line}")]
    private static partial void LogLine(ILogger logger, LogLevel level, string line);
}
