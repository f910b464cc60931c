using Fleet.Agent.Deployment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.TestKit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>Models that one order groups: the real agent switches to all of them or to none, whatever happens.</summary>
public sealed class GroupTests : IAsyncLifetime
{
    private const string Watching = "Deployment:WatchPeriod=00:01:00";
    private TestServer _server = null!;
    private AgentProcess _agent = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        _agent = new AgentProcess(_server);
        await _agent.EnrollAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _agent.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Models_of_a_group_are_measured_one_by_one_and_switched_to_together()
    {
        await ServeFirstAsync();
        await OrderAsync(2, Grouped("vibration", 2), Grouped("sound", 2));
        await ActiveAsync(2);
        await ServeAsync(2);
        foreach (var report in _server.Reports.Where(report => report.Revision == 2))
        {
            Assert.Single(report.Models.Select(model => model.ActiveVersion).Distinct());
            Assert.True(report.Models.All(model => model.Phase == DeploymentPhase.Active)
                || report.Models.All(model => model.Phase != DeploymentPhase.Active));
        }
        Assert.Contains(_server.Reports, report => report.Models.Count(model => model.Phase == DeploymentPhase.Validating) == 1);
    }

    [Fact]
    public async Task Model_that_misses_its_gate_keeps_the_others_of_its_group_from_being_switched_to()
    {
        await ServeFirstAsync();
        await OrderAsync(2, Grouped("vibration", 2), Grouped("sound", 2, factor: -1));
        var failed = await _server.ReportedAsync("sound", 2, DeploymentPhase.RolledBack);
        Assert.Equal((DeploymentFailure.GateMissed, (int?)1), (failed.Failure, failed.ActiveVersion));
        var other = await _server.ReportedAsync("vibration", 2, DeploymentPhase.RolledBack);
        Assert.Equal((DeploymentFailure.GroupFailed, (int?)1), (other.Failure, other.ActiveVersion));
        Assert.Contains("sound 2, which was ordered together with it, failed: gate missed. ", other.Detail, StringComparison.Ordinal);
        Assert.Contains("Accuracy", other.Detail, StringComparison.Ordinal);
        await ServeAsync(1);
        Assert.DoesNotContain(_server.Reports, report => report.Models.Any(
            model => model is { Version: 2, Phase: DeploymentPhase.Activating or DeploymentPhase.Watching or DeploymentPhase.Active }));
        Assert.DoesNotContain(_server.Reports, report => report.Revision == 2 // one failure, told for both at once
            && report.Models.Count(model => model.Phase == DeploymentPhase.RolledBack) == 1);
    }

    [Fact]
    public async Task Model_that_cannot_be_fetched_keeps_the_others_of_its_group_from_being_switched_to()
    {
        await ServeFirstAsync();
        var sound = TestRelease.Manifest(_server, 2, "sound", TestRelease.Variant(_server, TestRelease.Model(-7)));
        Assert.True(_server.Artifacts.TryRemove(sound.Variants[0].Artifact.Sha256, out _));
        await OrderAsync(2, Grouped("vibration", 2), TestRelease.Assign(_server, sound) with { Group = "both" });
        Assert.Equal(DeploymentFailure.DownloadFailed, (await _server.ReportedAsync("sound", 2, DeploymentPhase.RolledBack)).Failure);
        Assert.Equal(DeploymentFailure.GroupFailed, (await _server.ReportedAsync("vibration", 2, DeploymentPhase.RolledBack)).Failure);
        await ServeAsync(1);
    }

    [Fact]
    public async Task Model_that_serves_what_its_group_wants_goes_on_serving_it_when_the_other_fails()
    {
        var vibration = (await ServeFirstAsync())[0];
        await OrderAsync(2, vibration with { Group = "both" }, Grouped("sound", 2, factor: -1));
        await _server.ReportedAsync("sound", 2, DeploymentPhase.RolledBack);
        Assert.Equal((1, 1), (await _agent.ServedFactorAsync("vibration"), await _agent.ServedFactorAsync("sound")));
        Assert.DoesNotContain(_server.Reports, report => report.Models.Any(
            model => model is { Model: "vibration", Phase: DeploymentPhase.RolledBack }));
    }

    [Theory]
    [InlineData(DeploymentPhase.Downloading)]
    [InlineData(DeploymentPhase.Validating)]
    [InlineData(DeploymentPhase.Activating)]
    [InlineData(DeploymentPhase.Watching)]
    public async Task Agent_killed_in_a_phase_of_a_group_serves_all_that_was_before_and_then_all_that_is_new(DeploymentPhase phase)
    {
        await ServeFirstAsync();
        await _agent.KillAsync();
        if (phase == DeploymentPhase.Downloading) _server.Misbehave = HangAsync;
        _agent.Start(Watching);
        var model = phase == DeploymentPhase.Validating ? TestRelease.SlowModel(40) : TestRelease.Model(2);
        var manifest = TestRelease.Manifest(_server, 2, "sound", TestRelease.Variant(_server, model));
        var slow = TestRelease.Assign(_server, manifest) with { Group = "both" };
        await OrderAsync(2, Grouped("vibration", 2), slow);
        await _server.ReportedAsync("vibration", 2, phase);
        await _agent.KillAsync();
        Assert.All(Journals().All.Values, journal => Assert.Equal((2, 1), (journal.Last!.Version, journal.Active!.Version)));

        // Whatever is fetched hangs, so that nothing new can begin: what serves is by what is on the disk alone.
        if (phase == DeploymentPhase.Downloading)
        {
            _agent.Start(Watching);
            await ServeAsync(1);
            await _agent.KillAsync();
        }
        _server.Misbehave = null;
        while (_server.Reports.TryDequeue(out _)) { }
        _agent.Start();
        await ActiveAsync(2);
        await _agent.ServesAsync(2);
        await _agent.ServesAsync(phase == DeploymentPhase.Validating ? 1 : 2, "sound");
    }

    [Fact]
    public async Task Agent_killed_again_and_again_around_the_switch_never_serves_a_mixture()
    {
        await ServeFirstAsync();
        var random = new Random(11);
        var (switched, held) = (0, 0);
        for (var version = 2; version <= 6; version++)
        {
            while (_server.Reports.TryDequeue(out _)) { }
            await OrderAsync(version, Grouped("vibration", version), Grouped("sound", version));
            await _server.ReportedAsync("vibration", version, DeploymentPhase.Activating);
            await Task.Delay(random.Next(0, 400)); // the moment of the kill: it is what is varied, nothing waits for it
            await _agent.KillAsync();
            var left = Journals().All.Values.Select(journal => journal.Active!.Version).Distinct();
            if (Assert.Single(left) == version) switched++;
            else held++;
            _agent.Start("Deployment:WatchPeriod=00:00:00.2");
            await ActiveAsync(version);
            await ServeAsync(version);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{switched} kills came after the switch, {held} before it.");
    }

    /// <summary>The moments inside the one write: the file that holds all is there, and some of the models' own files are not.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Journals_that_change_together_count_from_one_moment_on_however_many_files_were_written(int written)
    {
        using var folder = new TemporaryFolder();
        var data = new Fleet.Agent.Disk.DataFolder(folder.Path);
        data.Create();
        string[] models = ["vibration", "sound"];
        var journals = new Journals(data, NullLogger<Journals>.Instance);
        journals.Write([.. models.Select(model => new ModelJournal { Model = model, LargestTrusted = 1 })]);
        Assert.False(File.Exists(data.ChangingJournals));
        var old = models.ToDictionary(model => model, model => File.ReadAllBytes(FileOf(model)));
        journals.Write([.. models.Select(model => new ModelJournal { Model = model, LargestTrusted = 2 })]);
        var together = $"[{string.Join(',', await Task.WhenAll(models.Select(model => File.ReadAllTextAsync(FileOf(model)))))}]";

        // As a kill leaves it after so many files.
        await File.WriteAllTextAsync(data.ChangingJournals, together);
        foreach (var model in models.Skip(written)) await File.WriteAllBytesAsync(FileOf(model), old[model]);
        var read = new Journals(data, NullLogger<Journals>.Instance);
        Assert.All(models, model => Assert.Equal(2, read.Of(model).LargestTrusted));
        Assert.True(File.Exists(data.ChangingJournals), "reading alone changes nothing: the self-check reads beside a running agent");
        read.Write(new ModelJournal { Model = "vibration", LargestTrusted = 3 });
        Assert.False(File.Exists(data.ChangingJournals));
        var again = new Journals(data, NullLogger<Journals>.Instance);
        Assert.Equal((3, 2), (again.Of("vibration").LargestTrusted, again.Of("sound").LargestTrusted));

        string FileOf(string model) => Path.Combine(data.Journals, model + ".json");
    }

    [Fact]
    public async Task Artifact_lost_from_the_disk_takes_its_whole_group_back_until_it_is_fetched_anew()
    {
        await ServeFirstAsync();
        await OrderAsync(2, Grouped("vibration", 2), Grouped("sound", 2, factor: 3));
        await ActiveAsync(2);
        await _agent.KillAsync();
        File.Delete(Path.Combine(_agent.Data.Shelf, Journals().Of("sound").Active!.Variant.Artifact.Sha256));
        _server.Misbehave = HangAsync;
        _agent.Start();
        await ServeAsync(1);
        await _agent.KillAsync();
        _server.Misbehave = null;
        _agent.Start();
        await _agent.ServesAsync(2);
        await _agent.ServesAsync(3, "sound");
    }

    [Fact]
    public async Task Newer_order_for_one_model_of_a_group_that_is_watched_brings_the_whole_group_back_first()
    {
        await ServeFirstAsync();
        await _agent.KillAsync();
        _agent.Start(Watching);
        var sound = Grouped("sound", 2);
        await OrderAsync(2, Grouped("vibration", 2), sound);
        await _server.ReportedAsync("sound", 2, DeploymentPhase.Watching);
        await ServeAsync(2);
        _server.Misbehave = HangAsync;
        await OrderAsync(3, TestRelease.Assign(_server, 3), TestRelease.Assign(_server, 3, model: "sound", factor: 4));
        await ServeAsync(1);
    }

    [Fact]
    public async Task Group_goes_back_together_to_what_it_keeps()
    {
        var first = await ServeFirstAsync();
        await OrderAsync(2, Grouped("vibration", 2), Grouped("sound", 2));
        await ActiveAsync(2);
        await OrderAsync(3, [.. first.Select(one => one with { Rollback = true, Group = "both" })]);
        await _server.ReportedAsync(
            "sound", "both serve again what was before", model => model is { Version: 1, PreviousVersion: 2, ActiveVersion: 1 });
        await ServeAsync(1);
    }

    private async Task<Assignment[]> ServeFirstAsync()
    {
        Assignment[] first = [TestRelease.Assign(_server, 1), TestRelease.Assign(_server, 1, model: "sound")];
        await OrderAsync(1, first);
        _agent.Start();
        await ActiveAsync(1);
        return first;
    }

    private Task OrderAsync(long revision, params Assignment[] assignments) => _server.DesireAsync("dev-1", revision, assignments);

    private Assignment Grouped(string model, int version, float? factor = null)
        => TestRelease.Assign(_server, version, factor, model) with { Group = "both" };

    private async Task ActiveAsync(int version)
    {
        await _server.ReportedAsync("vibration", version, DeploymentPhase.Active);
        await _server.ReportedAsync("sound", version, DeploymentPhase.Active);
    }

    private async Task ServeAsync(float factor)
    {
        await _agent.ServesAsync(factor);
        await _agent.ServesAsync(factor, "sound");
    }

    private Journals Journals() => new(_agent.Data, NullLogger<Journals>.Instance);

    private static async Task<bool> HangAsync(HttpContext context, byte[] content, long from)
    {
        await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    }
}
