using System.Text.Json.Nodes;
using Fleet.Agent.Deployment;
using Fleet.Agent.Disk;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>What is on disk of each model: beside agents of other versions, and on a disk without space.</summary>
public sealed class JournalTests
{
    private static readonly string[] Models = ["sound", "speech", "vibration"];

    /// <summary>The words of 0.2.0, which sets a journal with any other word aside and forgets what serves.</summary>
    private static readonly HashSet<string> KnownPhases =
        ["idle", "preflight", "downloading", "verifying", "validating", "activating", "watching", "active", "rolledBack"];

    private static readonly HashSet<string> KnownFailures =
    [
        "none", "manifestMalformed", "signatureInvalid", "versionTooOld", "releaseExpired", "profileMismatch", "diskFull", "downloadFailed",
        "digestMismatch", "loadFailed", "validationCrashed", "validationTimedOut", "memoryExceeded", "gateMissed", "activationFailed",
        "silent", "unexpected",
    ];

    [Fact]
    public void Journal_is_written_in_words_that_an_earlier_agent_knows_and_read_as_it_was_meant()
    {
        using var folder = new TemporaryFolder();
        var data = FolderAt(folder.Path);
        // What a server alone says of a device never gets into a journal.
        foreach (var failure in Enum.GetValues<DeploymentFailure>()
            .Except([DeploymentFailure.ReportImplausible, DeploymentFailure.ReceiptInvalid]))
        {
            foreach (var phase in Enum.GetValues<DeploymentPhase>())
            {
                var journal = Journal("sound", 1, phase, failure);
                Open(data).Write(journal);
                var last = JsonNode.Parse(File.ReadAllBytes(FileOf(data, "sound")))!["last"]!;
                Assert.Contains((string)last["phase"]!, KnownPhases);
                Assert.Contains((string)last["failure"]!, KnownFailures);
                Assert.Equal(journal with { Last = null }, Open(data).Of("sound") with { Last = null });
                Assert.Equal((phase, failure), (Open(data).Of("sound").Last!.Phase, Open(data).Of("sound").Last!.Failure));
            }
        }
    }

    /// <summary>A newer agent was killed in the middle of a switch, an older one ran since, and the newer one comes back.</summary>
    [Fact]
    public void Switch_that_a_kill_left_over_does_not_replace_what_an_earlier_agent_wrote_since()
    {
        using var folder = new TemporaryFolder();
        var data = FolderAt(folder.Path);
        LeaveOver(data);
        // As an agent does that does not know of switches: it goes on from what it finds, and writes its own journal.
        var own = JsonNode.Parse(File.ReadAllBytes(FileOf(data, "vibration")))!;
        own["largestTrusted"] = 5;
        File.WriteAllText(FileOf(data, "vibration"), own.ToJsonString());
        var read = Open(data);
        Assert.Equal([2, 2, 5], Models.Select(model => read.Of(model).LargestTrusted));
        read.Write(Journal("sound", 6));
        Assert.False(File.Exists(data.ChangingJournals));
        Assert.Equal([6, 2, 5], Models.Select(model => Open(data).Of(model).LargestTrusted));
    }

    [Fact]
    public void Switch_that_a_kill_left_over_counts_for_every_model_although_its_file_is_the_former_one()
    {
        using var folder = new TemporaryFolder();
        var data = FolderAt(folder.Path);
        LeaveOver(data);
        Assert.Equal(1, (int)JsonNode.Parse(File.ReadAllBytes(FileOf(data, "vibration")))!["largestTrusted"]!);
        Assert.Equal([2, 2, 2], Models.Select(model => Open(data).Of(model).LargestTrusted));
    }

    /// <summary>The disk fills up at any of the writes of a switch.</summary>
    [Fact]
    public async Task Switch_on_a_disk_that_is_full_is_whole_or_not_at_all_and_is_done_once_there_is_space()
    {
        await using var disk = await SmallDisk.MountAsync(mebibytes: 2);
        var data = FolderAt(disk.Path);
        var (held, done) = (0, 0);
        for (var pages = 0; pages < 12; pages++)
        {
            disk.MakeSpace();
            var journals = Open(data);
            journals.Write([.. Models.Select(model => Journal(model, 10 * pages + 1))]);
            disk.Leave(pages * Environment.SystemPageSize);
            IReadOnlyList<ModelJournal> changed = [.. Models.Select(model => Journal(model, 10 * pages + 2))];
            var failed = Record.Exception(() => journals.Write(changed));
            Assert.True(failed is null or IOException, failed?.ToString());
            var left = Assert.Single(Models.Select(model => Open(data).Of(model).LargestTrusted).Distinct());
            Assert.Equal(left, Assert.Single(Models.Select(model => journals.Of(model).LargestTrusted).Distinct()));
            if (left == 10 * pages + 1) held++;
            else done++;
            Assert.True(failed is not null || left == 10 * pages + 2, "what was written without a failure counts");
            disk.MakeSpace();
            journals.Write(changed);
            Assert.All(Models, model => Assert.Equal(10 * pages + 2, Open(data).Of(model).LargestTrusted));
        }
        Assert.True(held > 0 && done > 0, $"{held} switches were held and {done} done");
    }

    /// <summary>Leaves the files of a switch of three as a kill does after two of them.</summary>
    private static void LeaveOver(DataFolder data)
    {
        var journals = Open(data);
        journals.Write([.. Models.Select(model => Journal(model, 1))]);
        var blocked = Directory.CreateDirectory(FileOf(data, "vibration") + ".new");
        File.WriteAllText(Path.Combine(blocked.FullName, "blocks"), "");
        Assert.NotNull(Record.Exception(() => journals.Write([.. Models.Select(model => Journal(model, 2))])));
        blocked.Delete(recursive: true);
        Assert.True(File.Exists(data.ChangingJournals));
    }

    private static DataFolder FolderAt(string path)
    {
        var data = new DataFolder(path);
        data.Create();
        return data;
    }

    private static Journals Open(DataFolder data) => new(data, NullLogger<Journals>.Instance);

    private static string FileOf(DataFolder data, string model) => Path.Combine(data.Journals, model + ".json");

    private static ModelJournal Journal(
        string model, int trusted, DeploymentPhase phase = DeploymentPhase.Active, DeploymentFailure failure = DeploymentFailure.None)
        => new()
        {
            Model = model,
            LargestTrusted = trusted,
            Last = new JournalEntry
            {
                Revision = 1,
                Version = 1,
                Digest = "d",
                Phase = phase,
                Since = DateTimeOffset.UnixEpoch,
                Failure = failure,
            },
        };
}
