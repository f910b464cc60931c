using Fleet.Cli.Client;
using Fleet.Cli.Processes;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Demo;

/// <summary>The part that starts the server and the agents.</summary>
internal sealed partial class DemoRun
{
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
            if (!folder.IsEnrolled(id))
            {
                step.Say($"{id} joins with a token and gets its certificate");
                await EnrollAsync(id, profile, devicesUrl, token.Token, cancellationToken);
            }
            await StartAgentAsync(id);
        }
        step.Say("agents connect over MQTT with mutual TLS");
        await Polling.UntilAsync(
            shell.Time, async cancel => (await client.ListDevicesAsync("", 100, cancel)).Devices, devices
                => devices.Count(device => device.Online) == Devices.Count, null, cancellationToken);
        step.Result(string.Join(", ", Devices.Select(device => device.Id)));
        return true;
    }

    private async Task StartAgentAsync(string id)
    {
        var data = folder.Device(id);
        Concern = await children.StartAsync(
            id, Installation.Agent, data, "run", "--data", data, "--inference-port", "0", "--telemetry-interval", "00:00:02",
            "--set", "Link:PackSize=1");
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
}
