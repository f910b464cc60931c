using System.CommandLine;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Commands;

/// <summary>What a command line says of a rollout's plan.</summary>
internal sealed class PlanOptions
{
    private readonly Option<string> _model = new("--model") { HelpName = "NAME", Description = "Model to roll out.", Required = true };
    private readonly Option<int> _version = new("--version") { HelpName = "N", Description = "Release number.", Required = true };
    private readonly Option<PlannedRelease[]> _and = new("--and")
    {
        HelpName = "NAME=N",
        Description = "A release of another model that every device switches to together with it, or to none of them; may be repeated.",
        CustomParser = result => [.. result.Tokens.Select(token => Waves.ParseRelease(token.Value, result.AddError))],
        AllowMultipleArgumentsPerToken = false,
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string?> _filter = DevicesCommand.FilterOption("Which devices");
    private readonly Option<IReadOnlyList<WavePlan>> _waves = new("--waves")
    {
        HelpName = "LIST",
        Description = "Waves, each the share (5%) or number (5) of devices that have been told when it is open, or a filter "
            + "(label.ring=canary; "
            + "several terms joined by &).",
        Required = true,
        CustomParser = result => Waves.Parse(result.Tokens[0].Value, result.AddError),
    };
    private readonly Option<double?> _failureRate = new("--max-failure-rate")
    {
        HelpName = "SHARE",
        Description = "The rollout stops when more than this share of a wave's finished devices failed, such as 10% or 0.1 [default: 10%].",
        CustomParser = result => Waves.ParseShare(result.Tokens[0].Value, result.AddError),
    };
    private readonly Option<int?> _minimumFinished = new("--min-finished")
    {
        HelpName = "N",
        Description = "Finished devices of a wave before its failure rate is judged [default: 1].",
    };
    private readonly Option<double?> _minimumSuccess = new("--min-success")
    {
        HelpName = "SHARE",
        Description = "The next wave opens as soon as this share of a wave serves the release [default: when every device has finished].",
        CustomParser = result => Waves.ParseShare(result.Tokens[0].Value, result.AddError),
    };
    private readonly Option<PhaseDeadlines?> _phaseDeadline = new("--phase-deadline")
    {
        HelpName = "DURATION",
        Description = "How long a device may stay in one phase, or say nothing, before it counts as failed; single phases may differ: "
            + "15m,downloading=2h [default: 15m].",
        CustomParser = result => Waves.ParseDeadlines(result.Tokens[0].Value, result.AddError),
    };
    private readonly Option<TimeSpan?> _waveDeadline = Verb.Duration(
        "--wave-deadline", "How long a device may take, from when its wave tells it, before it counts as failed [default: no limit].");
    private readonly Option<TimeSpan?> _soak = Verb.Duration(
        "--soak", "How long a finished wave is watched before the next one opens [default: 0s].");
    private readonly Option<long?> _bytesPerDevice = Size(
        "--max-bytes-per-device", "Most a device may fetch, such as 20MB; those that could need more are left out [default: no limit].");
    private readonly Option<long?> _bytes = Size(
        "--max-bytes", "Most all devices may fetch together, such as 2GB; a plan that could need more is refused [default: no limit].");
    private readonly Option<DisruptionBudget?> _unavailable = new("--max-unavailable")
    {
        HelpName = "BUDGET",
        Description = "Devices with one value of a label that may be unavailable at once, offline or on their way: label.site=2 or "
            + "label.site=10% [default: no limit].",
        CustomParser = result => Waves.ParseBudget(result.Tokens[0].Value, result.AddError),
    };
    private readonly Option<ActivationWindow?> _window = new("--window")
    {
        HelpName = "FROM-TO",
        Description = "When devices may switch, by their own clock and time zone, such as 02:00-05:00; they fetch and measure before "
            + "[default: at once].",
        CustomParser = result => Waves.ParseWindow(result.Tokens[0].Value, result.AddError),
    };
    private readonly Option<bool> _approval = new("--needs-approval")
    {
        Description = "Tell nobody before a second person has approved it with 'fleet rollouts approve'.",
    };
    private readonly Option<bool> _supersede = new("--supersede")
    {
        Description = "Abort the open rollouts of its models, if there are any, and take their place.",
    };

    private readonly CanaryOptions _canary = new();

    /// <summary>All of them.</summary>
    public IEnumerable<Symbol> All =>
    [
        _model, _version, _and, _waves, _filter, _failureRate, _minimumFinished, _minimumSuccess, _phaseDeadline, _waveDeadline, _soak,
        _bytesPerDevice, _bytes, _unavailable, _window, _approval, _supersede, .. _canary.All,
    ];

    /// <summary>The plan that was asked.</summary>
    public RolloutPlan Read(Call call)
    {
        var defaults = new RolloutPlan { Model = "", Version = 0, Waves = [] };
        var (first, others) = (new PlannedRelease(call.Get(_model)!, call.Get(_version)), call.Get(_and) ?? []);
        return new RolloutPlan
        {
            Model = others.Length == 0 ? first.Model : null,
            Version = others.Length == 0 ? first.Version : null,
            Releases = others.Length == 0 ? null : [first, .. others],
            Waves = call.Get(_waves)!,
            Filter = call.Get(_filter) ?? "",
            MaximumFailureRate = call.Get(_failureRate) ?? defaults.MaximumFailureRate,
            MinimumFinished = call.Get(_minimumFinished) ?? defaults.MinimumFinished,
            MinimumSuccessRate = call.Get(_minimumSuccess),
            PhaseDeadline = call.Get(_phaseDeadline)?.Every ?? defaults.PhaseDeadline,
            PhaseDeadlines = call.Get(_phaseDeadline)?.Single ?? [],
            WaveDeadline = call.Get(_waveDeadline),
            SoakTime = call.Get(_soak) ?? defaults.SoakTime,
            MaximumBytesPerDevice = call.Get(_bytesPerDevice),
            MaximumBytes = call.Get(_bytes),
            MaximumUnavailable = call.Get(_unavailable),
            Window = call.Get(_window),
            RequiresApproval = call.Get(_approval),
            Supersede = call.Get(_supersede),
            Canary = _canary.Read(call),
        };
    }

    private static Option<long?> Size(string name, string description) => new(name)
    {
        HelpName = "SIZE",
        Description = description,
        CustomParser = result => Waves.ParseBytes(result.Tokens[0].Value, result.AddError),
    };
}
