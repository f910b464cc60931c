namespace Fleet.Cli.Tests.Commands;

/// <summary>Stored files, and those that nothing uses.</summary>
public sealed class ArtifactCommandTests(RealServer server) : OnServerTests(server), IClassFixture<RealServer>
{
    [Fact]
    public async Task Unused_artifact_is_listed_with_when_it_goes_and_swept_once_it_is_old_enough()
    {
        Assert.Contains(
            "Removed 0 artifacts (0 B); 0 artifacts (0 B) stay.", await TextOfAsync("artifacts", "sweep"), StringComparison.Ordinal);
        var digest = new string('7', 64);
        await File.WriteAllBytesAsync(Server.DataPathOf($"artifacts/{digest}"), new byte[2048]);
        var listed = Assert.Single((await JsonOfAsync("artifacts", "list", "--unused")).EnumerateArray());
        Assert.Equal(digest, listed.GetProperty("sha256").GetString());
        Assert.Matches(@"777777777777… +2\.0 kB +- +- +0 s +20\d\d-", await TextOfAsync("artifacts", "list"));

        Assert.Equal(1, await RunAsync("artifacts", "sweep", "--unused-for", "59m"));
        Assert.Contains("must be at least 01:00:00", Shell.Error, StringComparison.Ordinal);
        Assert.Contains("of which 1 artifact (2.0 kB) are unused but too young, or held.", await TextOfAsync("artifacts", "sweep"),
            StringComparison.Ordinal);

        // As if it had lain there for two hours.
        var then = DateTimeOffset.UtcNow.AddHours(-2);
        File.SetLastWriteTimeUtc(Server.DataPathOf($"artifacts/{digest}"), then.UtcDateTime);
        await File.WriteAllTextAsync(Server.DataPathOf("artifacts/unused.json"), $$"""{"{{digest}}":"{{then:O}}"}""");
        string[] sweep = ["artifacts", "sweep", "--unused-for", "1h"];
        Assert.Contains("Would remove 1 artifact (2.0 kB)", await TextOfAsync([.. sweep, "--dry-run"]), StringComparison.Ordinal);
        Assert.Equal(2, await RunAsync(sweep));
        Assert.True(File.Exists(Server.DataPathOf($"artifacts/{digest}")));
        Assert.Contains("Removed 1 artifact (2.0 kB)", await TextOfAsync([.. sweep, "--yes"]), StringComparison.Ordinal);
        Assert.False(File.Exists(Server.DataPathOf($"artifacts/{digest}")));
        Assert.Contains($"artifact/{digest}", await TextOfAsync("audit", "list", "--json"), StringComparison.Ordinal);
    }
}
