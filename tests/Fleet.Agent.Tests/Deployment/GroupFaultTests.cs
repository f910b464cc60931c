using Fleet.Agent.Deployment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>Three models that were switched to together, one of which dies while another deployment is on its way.</summary>
public sealed class GroupFaultTests : IAsyncLifetime
{
    private static readonly string[] Models = ["vibration", "sound", "speech"];
    private readonly TaskCompletionSource _goOn = new();
    private TestServer _server = null!;
    private AgentProcess _agent = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        _agent = new AgentProcess(_server);
        await _agent.EnrollAsync();
        await _server.DesireAsync("dev-1", 1, [.. Models.Select(model => TestRelease.Assign(_server, 1, model: model))]);
        _agent.Start();
        await StandAsync(1, DeploymentPhase.Active);
        await _server.DesireAsync("dev-1", 2, Three);
        await StandAsync(2, DeploymentPhase.Active);
    }

    private Assignment[] Three =>
        field ??= [.. Models.Select(model => TestRelease.Assign(_server, 2, model: model) with { Group = "three" })];

    public async ValueTask DisposeAsync()
    {
        _goOn.TrySetResult();
        await _agent.DisposeAsync();
        await _server.DisposeAsync();
    }

    /// <summary>The journal of the model on its way was rewritten under its deployment, which then wrote back what it remembered.</summary>
    [Fact]
    public async Task Release_that_dies_takes_all_that_came_with_it_back_and_a_deployment_on_its_way_goes_on()
    {
        _server.Misbehave = WaitAsync;
        await _server.DesireAsync("dev-1", 3, Three[0], Three[2], TestRelease.Assign(_server, 3, model: "sound"));
        await _server.ReportedAsync("sound", 3, DeploymentPhase.Downloading);
        await _agent.KillHostAsync(2);

        var fallen = await _server.ReportedAsync("vibration", 2, DeploymentPhase.RolledBack);
        var other = await _server.ReportedAsync("speech", 2, DeploymentPhase.RolledBack);
        Assert.Equal((1, 1), (fallen.ActiveVersion, other.ActiveVersion));
        // Which of the three is named is chance: the host died with all of them.
        Assert.All([fallen.Failure, other.Failure],
            failure => Assert.True(failure is DeploymentFailure.ActivationFailed or DeploymentFailure.GroupFailed, $"{failure}"));
        foreach (var model in Models) await _agent.ServesAsync(1, model);

        _goOn.TrySetResult();
        var next = await _server.ReportedAsync("sound", 3, DeploymentPhase.Active);
        Assert.Equal((3, 1), (next.ActiveVersion, next.PreviousVersion));
        await _agent.ServesAsync(3, "sound");
        Assert.DoesNotContain(_server.Reports, report => report.Models.Any(
            model => model is { Model: "sound", Version: 3, Phase: DeploymentPhase.RolledBack }));
    }

    /// <summary>The same at a start: what a kill interrupted is not failed by what fell while the agent was away.</summary>
    [Fact]
    public async Task Release_that_cannot_be_served_again_at_a_start_does_not_fail_the_deployment_that_a_kill_interrupted()
    {
        _server.Misbehave = WaitAsync;
        await _server.DesireAsync("dev-1", 3, Three[0], Three[2], TestRelease.Assign(_server, 3, model: "sound"));
        await _server.ReportedAsync("sound", 3, DeploymentPhase.Downloading);
        await _agent.KillAsync();
        File.Delete(Path.Combine(_agent.Data.Shelf, JournalOf("vibration").Active!.Variant.Artifact.Sha256));
        while (_server.Reports.TryDequeue(out _)) { }
        _agent.Start();
        foreach (var model in Models) await _agent.ServesAsync(1, model);
        // It serves first; what is reported is written down.
        await _server.ReportedAsync("sound", "sound fell back with its group", model => model is { Version: 3, ActiveVersion: 1 });
        Assert.Equal((3, 1), (JournalOf("sound").Last!.Version, JournalOf("sound").Active!.Version));
        _goOn.TrySetResult();
        await _agent.ServesAsync(3, "sound");
        await _agent.ServesAsync(2);
        await _agent.ServesAsync(2, "speech");
    }

    private ModelJournal JournalOf(string model) => new Journals(_agent.Data, NullLogger<Journals>.Instance).Of(model);

    private async Task StandAsync(int version, DeploymentPhase phase)
    {
        foreach (var model in Models) await _server.ReportedAsync(model, version, phase);
    }

    private async Task<bool> WaitAsync(HttpContext context, byte[] content, long from)
    {
        await _goOn.Task.WaitAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return context.RequestAborted.IsCancellationRequested;
    }
}
