using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Server.Tests.Audit;

/// <summary>Somebody with access to the file who wants a line to be gone.</summary>
public sealed class AuditAttackTests : IAsyncLifetime
{
    private readonly RunningServer _server = new();

    private string Path => _server.Folder["audit.jsonl"];

    public async ValueTask InitializeAsync()
    {
        await _server.InitializeAsync();
        for (var n = 0; n < 4; n++) await _server.TokenAsync();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Line_that_is_edited_is_seen()
    {
        var lines = await File.ReadAllLinesAsync(Path);
        lines[2] = lines[2].Replace("operator", "somebody", StringComparison.Ordinal);
        await File.WriteAllLinesAsync(Path, lines);
        Assert.Equal(["Line 3 does not follow from the one before: it was changed, or put in."], (await VerifyAsync()).Problems);
    }

    [Fact]
    public async Task Line_that_is_removed_is_seen()
    {
        var lines = await File.ReadAllLinesAsync(Path);
        await File.WriteAllLinesAsync(Path, [.. lines[..2], .. lines[3..]]);
        Assert.Equal(["Lines 3 to 3 are missing."], (await VerifyAsync()).Problems);
    }

    [Fact]
    public async Task End_that_is_cut_off_while_the_server_runs_is_seen()
    {
        await CutAsync();
        Assert.Equal(["Lines 4 to 5 were cut off the end."], (await VerifyAsync()).Problems);
        await _server.TokenAsync();
        Assert.Equal(["Lines 4 to 5 are missing."], (await VerifyAsync()).Problems);
    }

    [Fact]
    public async Task End_that_is_cut_off_while_the_server_is_stopped_is_seen_and_said()
    {
        await _server.StopAsync();
        await CutAsync();
        await _server.InitializeAsync();
        Assert.Equal(["Lines 4 to 5 are missing."], (await VerifyAsync()).Problems);
        Assert.Contains(
            "The trail was cut: it ended with line 3, and line 5 had been written.", await File.ReadAllTextAsync(Path),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trail_that_is_written_anew_from_its_first_line_is_said_and_seen_by_who_noted_its_end()
    {
        var noted = await VerifyAsync();
        Assert.Empty(noted.Problems);
        Assert.Empty((await VerifyAsync($"?number={noted.Last}&chain={noted.Chain}")).Problems);

        await _server.StopAsync();
        await RewriteAsync();
        await _server.InitializeAsync();
        Assert.Contains(
            "The trail was written anew: its line 5 is not the one that was there.",
            await File.ReadAllTextAsync(Path), StringComparison.Ordinal);
        var problem = Assert.Single((await VerifyAsync($"?number={noted.Last}&chain={noted.Chain}")).Problems);
        Assert.StartsWith($"Line {noted.Last} is not the one that was noted", problem, StringComparison.Ordinal);
    }

    private async Task CutAsync() => await File.WriteAllLinesAsync(Path, (await File.ReadAllLinesAsync(Path))[..3]);

    /// <summary>Every line as it was but one, each with the hash that it would have.</summary>
    private async Task RewriteAsync()
    {
        var previous = "";
        var forged = new List<byte>();
        foreach (var line in await File.ReadAllLinesAsync(Path))
        {
            var entry = Fleet.Server.Audit.AuditChain.Read(System.Text.Encoding.UTF8.GetBytes(line))!;
            (var bytes, previous) = Fleet.Server.Audit.AuditChain.LineOf(entry with { Who = "somebody" }, previous);
            forged.AddRange(bytes);
        }
        await File.WriteAllBytesAsync(Path, [.. forged]);
    }

    private async Task<AuditVerification> VerifyAsync(string query = "")
        => JsonSerializer.Deserialize(
            await _server.Operator.GetStringAsync($"/api/v1/audit/verification{query}"), FleetJson.Default.AuditVerification)!;
}
