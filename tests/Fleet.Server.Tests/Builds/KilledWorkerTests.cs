using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Builds;

/// <summary>
/// A server process, and a worker process that it starts: a small one, written in shell, that speaks the true API with curl.
/// </summary>
public sealed class KilledWorkerTests : IAsyncLifetime
{
    private readonly TemporaryFolder _work = new();
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        _work.Dispose();
    }

    [Fact]
    public async Task Worker_killed_in_the_middle_of_a_build_is_started_again_and_finishes_it()
    {
        var program = await WriteWorkerAsync();
        await _fleet.LendAsync(async () =>
        {
            await using var server = await ServerProcess.StartAsync(
                _fleet.Folder, $"--Fleet:Builds:WorkerProgram={program}", "--Fleet:Builds:LeaseTime=00:00:02",
                "--Fleet:Builds:WorkerRestartDelay=00:00:00.1");
            using var asked = await server.PostAsync(
                "/api/v1/builds", JsonSerializer.Serialize(TestFleet.SpecOf("speech"), FleetJson.Default.BuildSpec));
            var build = (await asked.Content.ReadFromJsonAsync(FleetJson.Default.BuildView))!;

            var done = await Eventually.ValueAsync("the build ends", async () =>
                (await server.Http.GetFromJsonAsync($"/api/v1/builds/{build.Id}", FleetJson.Default.BuildView))! is
                {
                    FinishedAt: not null
                } over ? over : null);
            Assert.Equal((BuildStatus.Succeeded, 2), (done.Status, done.Attempts));
            using var released = await server.PostAsync("/api/v1/releases", $$"""{"buildId":"{{build.Id}}"}""");
            Assert.Equal(1, (await released.Content.ReadFromJsonAsync(FleetJson.Default.ReleaseView))!.Manifest.Version);
        });
    }

    /// <summary>A worker that dies in its first build, once, and otherwise uploads two files and completes.</summary>
    private async Task<string> WriteWorkerAsync()
    {
        Directory.CreateDirectory(_work["artifacts"]);
        var report = await _fleet.ReportAsync("speech",
            (await _fleet.VariantAsync("x64-int8", "x64")) with { Artifact = Write("x64-int8.onnx", 70_000) }) with
        {
            ValidationSet = Write("validation.npz", 9_000),
        };
        await File.WriteAllTextAsync(_work["complete.json"],
            JsonSerializer.Serialize(new CompleteRequest("LEASE", report, "<p>page</p>"), FleetJson.Default.CompleteRequest));
        await File.WriteAllTextAsync(_work["worker"], $$$"""
            #!/bin/sh
            server=$3; key=$(cat "$5"); data=$7
            call() { curl -sS -o "$data/answer" -w '%{http_code}' -H "Authorization: Bearer $key" "$@"; }
            member() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" "$data/answer"; }
            while sleep 0.1; do
              [ "$(call -d '{"worker":"shell"}' "${server}api/v1/worker/leases")" = 200 ] || continue
              build=$(member buildId); lease=$(member leaseId)
              call -d "{\"leaseId\":\"$lease\",\"progress\":{\"step\":\"training\",\"fraction\":0.3}}" \
                "${server}api/v1/worker/builds/$build/progress"
              if mkdir "$data/died" 2>/dev/null; then kill -9 $$; fi
              for file in {{{_work["artifacts"]}}}/*; do call -T "$file" "${server}api/v1/worker/artifacts/${file##*/}"; done
              sed "s/LEASE/$lease/" {{{_work["complete.json"]}}} > "$data/complete"
              call --data-binary "@$data/complete" "${server}api/v1/worker/builds/$build/complete"
            done
            """);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_work["worker"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return _work["worker"];

        Contracts.Releases.ArtifactReference Write(string name, int bytes)
        {
            var content = RandomNumberGenerator.GetBytes(bytes);
            var digest = Convert.ToHexStringLower(SHA256.HashData(content));
            File.WriteAllBytes(_work["artifacts", digest], content);
            return new(name, digest, bytes);
        }
    }
}
