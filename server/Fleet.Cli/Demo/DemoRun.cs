using System.Runtime.Versioning;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Processes;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Cli.Demo;

/// <summary>The whole loop, for real, step by step: what an operator would do with this program, on one machine.</summary>
[SupportedOSPlatform("linux")]
internal sealed class DemoRun(Shell shell, DemoFolder folder, BuildSpec spec, Children children, HttpClient http, StepBoard board)
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
        var devices = await client.ListDevicesAsync("", "", 100, cancellationToken);
        return new DemoOutcome(
            client, build, report, rollout, [.. devices.OrderBy(device => Order(device.Id.Value))], telemetry, traffic, board.Elapsed);
    }

    private async Task<(FleetClient Client, string DevicesUrl)> StartServerAsync(StepBoard.Step step, CancellationToken cancellationToken)
    {
        step.Say("broker, API and one build worker");
        // An earlier demo that was killed left its file behind.
        File.Delete(Path.Combine(folder.Server, Endpoints.FileName));
        Concern = await children.StartAsync(
            "server", Installation.Server, folder.Server,
            [$"--Fleet:DataFolder={folder.Server}", "--Fleet:Workers=1", .. folder.PortSettings()]);
        var endpoints = await Waiting.ForAsync(
            () => Endpoints.Read(Path.Combine(folder.Server, Endpoints.FileName)), shell.Time, cancellationToken);
        folder.KeepPorts(endpoints);
        var client = new FleetClient(ServerAddress.Resolve(endpoints["api"], folder.OperatorKey, null, _ => null));
        var health = await client.GetHealthAsync(cancellationToken);
        step.Result($"version {health.Version}, API {endpoints["api"]}, MQTT {endpoints["mqtt"]}");
        return (client, endpoints["devices"]);
    }

    private async Task<bool> StartAgentsAsync(
        FleetClient client, string devicesUrl, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var token = await client.CreateTokenAsync(
            new CreateTokenRequest(
                Devices.Count, TimeSpan.FromMinutes(10), new Dictionary<string, string> { ["site"] = "demo" }), cancellationToken);
        foreach (var (id, profile) in Devices)
        {
            var data = folder.Device(id);
            if (!folder.IsEnrolled(id))
            {
                step.Say($"{id} joins with a token and gets its certificate");
                await EnrollAsync(id, profile, devicesUrl, token.Token, cancellationToken);
            }
            Concern = await children.StartAsync(
                id, Installation.Agent, data, "run", "--data", data, "--inference-port", "0", "--telemetry-interval", "00:00:02",
                "--set", "Link:PackSize=1");
        }
        step.Say("agents connect over MQTT with mutual TLS");
        await Polling.UntilAsync(
            shell.Time, cancel => client.ListDevicesAsync("", "", 100, cancel), devices
                => devices.Count(device => device.Online) == Devices.Count, null, cancellationToken);
        step.Result(string.Join(", ", Devices.Select(device => device.Id)));
        return true;
    }

    private async Task EnrollAsync(string id, string profile, string devicesUrl, string token, CancellationToken cancellationToken)
    {
        var data = folder.Device(id);
        Directory.CreateDirectory(data);
        Concern = await children.StartBriefAsync(
            $"{id}-enroll", Installation.Agent, data, "enroll", "--server", devicesUrl, "--token", token, "--id", id, "--data", data,
            "--profile", profile);
        try
        {
            if (await Concern.WaitAsync(cancellationToken) is not 0 and var code)
                throw new FleetException($"{id} could not enroll: fleet-agent ended with code {code}.");
        }
        finally
        {
            await Concern.StopAsync();
        }
    }

    private async Task<(BuildView Build, BuildReport Report)> BuildAsync(
        FleetClient client, StepBoard.Step step, CancellationToken cancellationToken)
    {
        Concern = children.Server;
        var build = await client.StartBuildAsync(spec, cancellationToken);
        build = await Follow.BuildAsync(client, shell.Time, build.Id, step, StartLimit, cancellationToken);
        if (build.Status != BuildStatus.Succeeded)
            throw new FleetException($"Build {build.Id} is {build.Status.ToWords()}: {build.Failure}");
        var report = await client.GetReportAsync(build.Id, cancellationToken);
        await File.WriteAllBytesAsync(folder.ReportPage, await client.GetReportPageAsync(build.Id, cancellationToken), cancellationToken);
        step.Result($"{Figures.Count(report.Teacher!.Parameters)} parameters distilled into {Figures.Count(report.Student.Parameters)}, "
            + $"{report.Variants.Count(variant => variant.Accepted)} of {report.Variants.Count} variants accepted");
        return (build, report);
    }

    private static async Task<ReleaseManifest> ReleaseAsync(
        FleetClient client, BuildView build, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var release = await client.CreateReleaseAsync(new CreateReleaseRequest(build.Id, TimeSpan.FromDays(30)), cancellationToken);
        step.Result(
            $"{release.Manifest.Model} {release.Manifest.Version}, {release.Manifest.Variants.Count} variants, key {release.KeyId[..12]}");
        return release.Manifest;
    }

    private async Task<RolloutView> RollOutAsync(
        FleetClient client, ReleaseManifest release, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var plan = new RolloutPlan
        {
            Model = release.Model,
            Version = release.Version,
            // Every device of this server: labels are a person's to change while the demo runs.
            Filter = "",
            Waves = [new WavePlan { Count = 1 }, new WavePlan { Count = Devices.Count }],
            MaximumFailureRate = 0,
            PhaseDeadline = TimeSpan.FromMinutes(2),
            SoakTime = TimeSpan.FromSeconds(3),
        };
        var rollout = await client.StartRolloutAsync(plan, cancellationToken);
        rollout = await Follow.RolloutAsync(client, shell.Time, rollout.Id, endAtPause: true, step, cancellationToken);
        if (rollout.Status != RolloutStatus.Succeeded)
        {
            var failed = rollout.Devices.FirstOrDefault(device => device.Failure != DeploymentFailure.None);
            Concern = failed is null ? children.Server : children.Find(failed.Device.Value);
            throw new FleetException($"The rollout is {rollout.Status.ToWords()}: "
                + $"{(failed is null ? rollout.Reason : $"{failed.Device} {failed.Failure.ToWords()}, {failed.Detail}")}");
        }
        step.Result($"{rollout.Devices.Count} devices measured their variant and serve it");
        return rollout;
    }

    private async Task<IReadOnlyList<LiveTraffic>> ServeAsync(
        FleetClient client, ReleaseManifest release, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var samples = await ValidationSamples.FetchAsync(client, release, cancellationToken);
        LiveTraffic[] traffic =
            [.. Devices.Select(device => new LiveTraffic(http, device.Id, folder.Device(device.Id), release.Model, samples))];
        var sending = Task.WhenAll(traffic.Select(one => one.SendAsync(Requests, TimeSpan.FromMilliseconds(10), cancellationToken)));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(300), shell.Time);
        while (!sending.IsCompleted)
        {
            step.Say(
                "real validation samples to each device's own endpoint",
                traffic.Sum(one => one.Answered) / (double)(Requests * traffic.Length));
            await Task.WhenAny(sending, timer.WaitForNextTickAsync(cancellationToken).AsTask());
        }
        await sending;
        step.Result($"{Figures.Count(traffic.Sum(one => one.Answered))} requests, "
            + $"{Figures.Percent(traffic.Sum(one => one.Right) / (double)traffic.Sum(one => one.Answered))} answered right");
        return traffic;
    }

    private async Task<IReadOnlyList<TelemetryView>> CollectAsync(
        FleetClient client, ReleaseManifest release, IReadOnlyList<LiveTraffic> traffic, StepBoard.Step step,
        CancellationToken cancellationToken)
    {
        var telemetry = await Polling.UntilAsync(
            shell.Time, async token => (await client.GetTelemetryAsync(null, release.Model, null, traffic.Count, token)).Views, views =>
        {
            step.Say($"{Figures.Count(views.Sum(view => view.Count))} of {Figures.Count(traffic.Sum(one => one.Answered))} inferences "
                + $"have arrived at the server");
            return traffic.All(one => views.Any(view => view.Device?.Value == one.Device && view.Count >= one.Answered));
        }, null, cancellationToken);
        step.Result($"{Figures.Count(telemetry.Sum(view => view.Count))} inferences in {telemetry.Sum(view => view.Batches)} batches");
        return telemetry;
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

/// <summary>What a demo showed, and what goes on serving.</summary>
internal sealed record DemoOutcome(
    FleetClient Client, BuildView Build, BuildReport Report, RolloutView Rollout, IReadOnlyList<DeviceView> Devices,
    IReadOnlyList<TelemetryView> Telemetry,
    IReadOnlyList<LiveTraffic> Traffic, TimeSpan Took);
