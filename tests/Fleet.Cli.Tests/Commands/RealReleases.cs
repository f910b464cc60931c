using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Tests.Commands;

/// <summary>Releases on a real server, of builds that a worker has made up: it speaks as one does, over the public API.</summary>
internal sealed class RealReleases(RealServer server) : IDisposable
{
    private readonly HttpClient _operators = ClientOf(server, "operator.key");
    private readonly HttpClient _workers = ClientOf(server, "worker.key");

    public void Dispose()
    {
        _operators.Dispose();
        _workers.Dispose();
    }

    /// <summary>The next release of a model.</summary>
    public async Task<ReleaseManifest> CreateAsync(string model)
        => (await PostAsync(_operators, "/api/v1/releases", new CreateReleaseRequest(await BuildAsync(model), null),
            FleetJson.Default.CreateReleaseRequest, FleetJson.Default.ReleaseView)).Manifest;

    /// <summary>A build that has succeeded.</summary>
    /// <param name="model">Its model.</param>
    /// <param name="latency">What the worker says of the time of an inference; null when it measured none.</param>
    public async Task<string> BuildAsync(string model, LatencySummary? latency = null)
    {
        var spec = new BuildSpec
        {
            Model = model,
            Data = new DataSpec { Kind = "vibration", Samples = 1000 },
            Teacher = new TeacherSpec { Family = "conv1d" },
            Student = new StudentSpec { Family = "conv1d" },
        };
        var build = await PostAsync(_operators, "/api/v1/builds", spec, FleetJson.Default.BuildSpec, FleetJson.Default.BuildView);
        var lease = await PostAsync(
            _workers, "/api/v1/worker/leases", new LeaseRequest("test"), FleetJson.Default.LeaseRequest, FleetJson.Default.LeaseResponse);
        Assert.Equal(build.Id, lease.BuildId);
        var complete = new CompleteRequest(lease.LeaseId, await ReportAsync(lease.Spec, latency), "<!doctype html><title>report</title>");
        await PostAsync(
            _workers, $"/api/v1/worker/builds/{build.Id}/complete", complete, FleetJson.Default.CompleteRequest,
            FleetJson.Default.BuildView);
        return build.Id;
    }

    private async Task<BuildReport> ReportAsync(BuildSpec spec, LatencySummary? latency) => new()
    {
        Spec = spec,
        StartedAt = DateTimeOffset.UnixEpoch,
        Duration = TimeSpan.FromSeconds(3),
        MeasuredOn = "a processor",
        DataSha256 = new string('0', 64),
        Samples = new SampleCounts(800, 100, 100),
        Classes = ["yes", "no"],
        Teacher = NetworkOf("conv1d 64", 0.97),
        Student = NetworkOf("conv1d 16", 0.96),
        Inputs = [new TensorDescription("input", "FP32", [-1, 1, 1024])],
        Outputs = [new TensorDescription("logits", "FP32", [-1, 2])],
        ValidationSet = await ArtifactAsync("validation.npz", 5000),
        Variants =
        [
            new VariantReport
            {
                Id = "x64-int8",
                Profile = "x64",
                Scheme = "int8-static-u8s8",
                Artifact = await ArtifactAsync("x64-int8.onnx", 2000),
                Scores = new Scores { Accuracy = 0.95, Samples = 100, Latency = latency },
                Accepted = true,
                Reasons = [],
            },
        ],
    };

    private static NetworkReport NetworkOf(string description, double accuracy) => new()
    {
        Description = description,
        Parameters = 5_000,
        Bytes = 20_000,
        Scores = new Scores { Accuracy = accuracy },
    };

    private async Task<ArtifactReference> ArtifactAsync(string name, int bytes)
    {
        var content = RandomNumberGenerator.GetBytes(bytes);
        var digest = Convert.ToHexStringLower(SHA256.HashData(content));
        using var answer = await _workers.PutAsync($"/api/v1/worker/artifacts/{digest}", new ByteArrayContent(content));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return new ArtifactReference(name, digest, bytes);
    }

    private static async Task<TAnswer> PostAsync<TBody, TAnswer>(
        HttpClient client, string path, TBody body, JsonTypeInfo<TBody> type, JsonTypeInfo<TAnswer> answerType)
    {
        using var answer = await client.PostAsync(path, JsonContent.Create(body, type));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync(answerType))!;
    }

    private static HttpClient ClientOf(RealServer server, string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(server.Api) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", File.ReadAllText(server.DataPathOf(Path.Combine("keys", key))).Trim());
        return client;
    }
}
