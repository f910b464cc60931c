using Fleet.TestKit;

namespace Fleet.Agent.Tests.Run;

/// <summary>Verbs that need an identity, on a device that has none.</summary>
public sealed class NotEnrolledTests
{
    /// <summary>With a folder that was misspelt, another agent was said to use it.</summary>
    [Theory]
    [InlineData("run")]
    [InlineData("renew")]
    [InlineData("move --server https://localhost:8443")]
    [InlineData("install release.tar")]
    [InlineData("report dev-1.report")]
    [InlineData("self-check")]
    public async Task Device_that_is_not_enrolled_says_so_and_leaves_no_folder(string verb)
    {
        using var folder = new TemporaryFolder();
        var result = await ChildProcess.RunAsync(
            Programs.Agent, [.. verb.Split(' '), "--data", folder["misspelt"]], TimeSpan.FromSeconds(60));
        Assert.Equal(3, result.Code);
        Assert.Contains("identity.json does not exist", result.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["misspelt"]));
    }
}
