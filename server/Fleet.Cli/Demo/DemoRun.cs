using System.Runtime.Versioning;
using Fleet.Cli.Client;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Demo;

/// <summary>The whole loop, for real, step by step: what an operator would do with this program, on one machine.</summary>
[SupportedOSPlatform("linux")]
internal sealed partial class DemoRun(Shell shell, DemoFolder folder, BuildSpec spec, Children children, HttpClient http, StepBoard board)
{
    /// <summary>Live requests sent to each device before the table is shown.</summary>
    private const int Requests = 300;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan RolloutLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan TelemetryLimit = TimeSpan.FromMinutes(1);

    /// <summary>The devices, one for each profile the model is built for.</summary>
    private static readonly IReadOnlyList<(string Id, string Profile)> Devices =
        [("demo-x64", "x64"), ("demo-arm", "arm-cpu"), ("demo-jetson", "jetson")];

    /// <summary>The process that the step at work depends on most: its log is shown when the step fails.</summary>
    public ChildProcess? Concern { get; private set; }

    /// <summary>The spec inside this program: <c>deploy/examples/vibration.yaml</c>, whose data is generated.</summary>
    public static BuildSpec BuiltInSpec()
    {
        using var text = new StreamReader(typeof(DemoRun).Assembly.GetManifestResourceStream("vibration.yaml")!);
        return SpecFile.Parse(text.ReadToEnd(), "vibration.yaml", Environment.CurrentDirectory);
    }

    /// <summary>Goes the whole way and answers what it showed.</summary>
    public async Task<DemoOutcome> RunAsync(CancellationToken cancellationToken)
    {
        var (client, devicesUrl) = await LimitAsync(StartLimit, "Start the server", StartServerAsync, cancellationToken);
        await LimitAsync(
            StartLimit, "Enroll and start three agents", (step, token)
                => StartAgentsAsync(client, devicesUrl, step, token), cancellationToken);
        var (build, report) = await LimitAsync(
            BuildLimit, "Build the model", (step, token) => BuildAsync(client, step, token), cancellationToken);
        var release = await LimitAsync(
            StartLimit, "Sign the release", (step, token) => ReleaseAsync(client, build, step, token), cancellationToken);
        var rollout = await LimitAsync(
            RolloutLimit, "Roll out in two waves", (step, token) => RollOutAsync(client, release, step, token), cancellationToken);
        var traffic = await LimitAsync(
            TelemetryLimit * 2, "Serve live requests", (step, token) => ServeAsync(client, release, step, token), cancellationToken);
        var telemetry = await LimitAsync(
            TelemetryLimit, "Collect telemetry", (step, token) => CollectAsync(client, release, traffic, step, token), cancellationToken);
        var (devices, _) = await client.ListDevicesAsync("", 100, cancellationToken);
        return new DemoOutcome(
            client, build, report, rollout, [.. devices.OrderBy(device => Order(device.Id.Value))], telemetry, traffic, board.Elapsed);
    }

    /// <summary>Runs a step that must end within a time, and while every process lives.</summary>
    private Task<T> LimitAsync<T>(
        TimeSpan limit, string title, Func<StepBoard.Step, CancellationToken, Task<T>> work,
        CancellationToken cancellationToken) => board.StepAsync(title, async step =>
    {
        using var late = new CancellationTokenSource(limit, shell.Time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token, children.Died);
        try
        {
            return await work(step, any.Token);
        }
        catch (Exception e) when (children.FirstDead is { } dead && !cancellationToken.IsCancellationRequested)
        {
            Concern = dead;
            throw new FleetException($"The process {dead.Name} ended with code {dead.ExitCode} in the middle of it.", e);
        }
        catch (OperationCanceledException e) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new FleetException(
                $"It took longer than {DurationText.Of(limit)}{(step.Detail.Length > 0 ? $", at: {step.Detail}" : "")}.", e);
        }
    });

    private static int Order(string id) => Devices.Index().FirstOrDefault(device => device.Item.Id == id).Index;
}
