using System.CommandLine;
using System.Globalization;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Commands;

/// <summary>The options by which a rollout's canary is told what to compare.</summary>
internal sealed class CanaryOptions
{
    private readonly Option<IReadOnlyList<CanaryMetricPlan>?> _metrics = new("--canary")
    {
        HelpName = "LIST",
        Description = "What devices with the release are compared in with those that wait for their wave, each with how much worse may "
            + "be, such as errors=0.5%,latency=20%; 'off' for nothing [default: errors,latency,confidence,outputs].",
        CustomParser = result => Parse(result.Tokens[0].Value, result.AddError),
    };

    private readonly Option<double?> _significance = new("--canary-significance")
    {
        HelpName = "SHARE",
        Description = "Chance that a release which changes nothing is paused all the same [default: 1%].",
        CustomParser = result => Waves.ParseShare(result.Tokens[0].Value, result.AddError),
    };

    private readonly Option<TimeSpan?> _window = Verb.Duration(
        "--canary-window", "How long a device serves the release before its figures are read [default: 5m].");

    private readonly Option<int?> _minimumRequests = new("--canary-min-requests")
    {
        HelpName = "N",
        Description = "Requests without which a device's figures are not read [default: 30].",
    };

    private readonly Option<int?> _minimumDevices = new("--canary-min-devices")
    {
        HelpName = "N",
        Description = "Devices of a wave that must have been compared before the next one opens; a wave that cannot be judged then waits, "
            + "and pauses in the end [default: 0, what cannot be judged does not hold it].",
    };

    /// <summary>All of them.</summary>
    public IEnumerable<Symbol> All => [_metrics, _significance, _window, _minimumRequests, _minimumDevices];

    /// <summary>The plan that a command line asks for.</summary>
    public CanaryPlan Read(Call call)
    {
        var defaults = new CanaryPlan();
        return new CanaryPlan
        {
            Metrics = call.Get(_metrics) ?? defaults.Metrics,
            Significance = call.Get(_significance) ?? defaults.Significance,
            Window = call.Get(_window) ?? defaults.Window,
            MinimumRequests = call.Get(_minimumRequests) ?? defaults.MinimumRequests,
            MinimumDevices = call.Get(_minimumDevices) ?? defaults.MinimumDevices,
        };
    }

    private static List<CanaryMetricPlan> Parse(string text, Action<string> refuse)
    {
        if (text == "off") return [];
        var metrics = new List<CanaryMetricPlan>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var (name, tolerance) = part.Split('=', 2) is [var left, var right] ? (left, right) : (part, null);
            metrics.Add(new CanaryMetricPlan(name, tolerance is null ? null : ToleranceOf(name, tolerance, refuse)));
        }
        return metrics;
    }

    private static double? ToleranceOf(string metric, string text, Action<string> refuse)
    {
        var (digits, unit) = text.EndsWith('%') ? (text[..^1], 100) : (text, 1);
        if (double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return number / unit;
        refuse($"Tolerance '{text}' of {metric} is not understood: write a number, such as 0.1 or 10%.");
        return null;
    }
}
