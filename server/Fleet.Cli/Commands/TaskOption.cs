using System.CommandLine;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Tasks;

namespace Fleet.Cli.Commands;

/// <summary>The option that says what labels are for, where they do not say it themselves: <c>data.task</c> of a spec.</summary>
internal static class TaskOption
{
    /// <summary>The option for a command that takes <c>--data</c>.</summary>
    public static Option<ModelTask?> Create() => new("--task")
    {
        HelpName = "TASK",
        Description = "With --data: classification, multiLabel, regression or anomaly [default: what the labels look like].",
        CustomParser = result =>
        {
            if (EnumWord.TryParse<ModelTask>(result.Tokens[0].Value, out var task)) return task;
            result.AddError($"--task '{result.Tokens[0].Value}' is not one of {EnumWord.List<ModelTask>()}.");
            return null;
        },
    };
}
