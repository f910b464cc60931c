using Fleet.Agent.Shelf;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;

namespace Fleet.Agent.Tests.Shelf;

public sealed class DownloadTests
{
    private const int Length = 300_000;

    [Fact]
    public async Task Artifact_lands_on_the_shelf_and_is_not_fetched_twice()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        var told = 0L;
        await fixture.Download.FetchAsync(artifact, bytes => told = bytes, CancellationToken.None);
        await fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None);
        Assert.True(await fixture.Shelf.HoldsAsync(artifact, CancellationToken.None));
        Assert.Equal(Length, told);
        Assert.Single(fixture.Server.Requests);
        Assert.Empty(Directory.EnumerateFiles(fixture.Data.Staging));
    }

    [Fact]
    public async Task Connection_that_breaks_again_and_again_still_brings_every_byte_once()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        fixture.Server.Misbehave = async (context, content, from) =>
        {
            if (content.Length - from <= 50_000) return false;
            context.Response.StatusCode = from > 0 ? 206 : 200;
            context.Response.ContentLength = content.Length - from;
            if (from > 0) context.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
            await context.Response.Body.WriteAsync(content.AsMemory((int)from, 50_000));
            await context.Response.Body.FlushAsync();
            // A reset discards what the other side has not read yet: the cut comes once that is on its disk.
            await TestKit.Eventually.TrueAsync("the bytes have arrived", () => fixture.Shelf.BytesOf(artifact) >= from + 50_000);
            context.Abort();
            return true;
        };
        await fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None);
        Assert.True(await fixture.Shelf.HoldsAsync(artifact, CancellationToken.None));
        var starts = fixture.Server.Requests.Select(request => request.From).ToArray();
        Assert.Equal(0, starts[0]);
        Assert.All(starts.Skip(1).Zip(starts),
            pair => Assert.True(pair.First > pair.Second, $"started at {pair.First} after {pair.Second}"));
    }

    /// <summary>A download over a mobile link failed at four fifths after an hour, and began anew each time.</summary>
    [Fact]
    public async Task Link_that_flaps_at_four_fifths_fetches_the_rest_alone()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        const int most = Length / 5 * 4;
        var asked = 0;
        fixture.Server.Misbehave = async (context, content, _) =>
        {
            switch (++asked)
            {
                case 1:
                    await BlockAsync(context, content, 0, most);
                    await TestKit.Eventually.TrueAsync("the bytes have arrived", () => fixture.Shelf.BytesOf(artifact) >= most);
                    context.Abort();
                    return true;
                case 2 or 3:
                    context.Abort();
                    return true;
                default:
                    return false;
            }
        };
        await fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None);
        Assert.True(await fixture.Shelf.HoldsAsync(artifact, CancellationToken.None));
        Assert.Equal([0, most, most, most], fixture.Server.Requests.Select(request => request.From));
        Assert.Equal(Length - most, fixture.Server.BytesSent);
    }

    /// <summary>The second half is answered with a block that is another one, the first again, or short.</summary>
    [Theory]
    [InlineData("duplicated")]
    [InlineData("reordered")]
    [InlineData("truncated")]
    [InlineData("another range than asked for")]
    public async Task Block_that_is_not_the_one_asked_for_is_never_served(string how)
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        const int half = Length / 2;
        var asked = 0;
        fixture.Server.Misbehave = async (context, content, from) =>
        {
            if (++asked > 2) return false;
            if (asked == 1)
            {
                await BlockAsync(context, content, 0, half);
                await TestKit.Eventually.TrueAsync("the bytes have arrived", () => fixture.Shelf.BytesOf(artifact) >= half);
                context.Abort();
                return true;
            }
            var said = how == "another range than asked for" ? 0 : from;
            context.Response.StatusCode = 206;
            context.Response.ContentLength = half;
            context.Response.Headers.ContentRange = $"bytes {said}-{said + half - 1}/{content.Length}";
            byte[] block = how switch
            {
                "reordered" => [.. content[(half + (half / 2))..], .. content[half..(half + (half / 2))]],
                "truncated" => content[half..(half + 1000)],
                _ => content[..half],
            };
            await context.Response.Body.WriteAsync(block);
            await context.Response.Body.FlushAsync();
            if (how == "truncated") context.Abort();
            return true;
        };
        await fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None);
        Assert.True(await fixture.Shelf.HoldsAsync(artifact, CancellationToken.None));
        Assert.True(asked > 2);
    }

    [Fact]
    public async Task Server_in_trouble_is_asked_a_limited_number_of_times()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        fixture.Server.Misbehave = (context, _, _) =>
        {
            context.Response.StatusCode = 503;
            return Task.FromResult(true);
        };
        var failed = await Assert.ThrowsAsync<ArtifactException>(
            () => fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None));
        Assert.Equal(DeploymentFailure.DownloadFailed, failed.Failure);
        Assert.Contains("503", failed.Message, StringComparison.Ordinal);
        Assert.Equal(3, fixture.Server.Requests.Count);
    }

    [Fact]
    public async Task Artifact_the_server_does_not_have_fails_at_once()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var failed = await Assert.ThrowsAsync<ArtifactException>(
            () => fixture.Download.FetchAsync(new ArtifactReference("m.onnx", new string('a', 64), 10), _ => { }, CancellationToken.None));
        Assert.Equal(DeploymentFailure.DownloadFailed, failed.Failure);
        Assert.Contains("404", failed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Length - 1)]
    [InlineData(Length + 1)]
    public async Task Artifact_of_another_size_than_signed_is_refused_before_its_bytes_are_read(int offered)
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(offered)) with { Bytes = Length };
        await AssertMismatchAsync(fixture, artifact);
    }

    [Fact]
    public async Task Endless_artifact_is_refused_at_the_first_byte_beyond_the_signed_size()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        fixture.Server.Misbehave = async (context, content, _) =>
        {
            // No length announced, one byte too many, and no end: who waits for the end runs into the stall timeout instead.
            await context.Response.Body.WriteAsync(content, context.RequestAborted);
            await context.Response.Body.WriteAsync(content.AsMemory(0, 1), context.RequestAborted);
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        await AssertMismatchAsync(fixture, artifact);
        Assert.Single(fixture.Server.Requests);
    }

    [Fact]
    public async Task Other_bytes_of_the_right_size_are_refused_and_removed()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        fixture.Server.Artifacts[artifact.Sha256] = new byte[Length];
        await AssertMismatchAsync(fixture, artifact);
        Assert.Single(fixture.Server.Requests);
    }

    [Fact]
    public async Task Staging_file_damaged_by_a_power_cut_is_fetched_anew()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        await File.WriteAllBytesAsync(fixture.Shelf.StagingPathOf(artifact), new byte[Length / 2]);
        await fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None);
        Assert.True(await fixture.Shelf.HoldsAsync(artifact, CancellationToken.None));
        Assert.Equal([Length / 2, 0], fixture.Server.Requests.Select(request => request.From));
    }

    [Fact]
    public async Task Wrong_bytes_over_a_link_that_always_cuts_are_given_up_as_a_mismatch()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        await using var link = new TestKit.TcpFaultProxy("127.0.0.1", fixture.Server.HttpsPort) { CutAfterBytes = Length * 2 / 3 };
        fixture.GoThrough(link);
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        fixture.Server.Artifacts[artifact.Sha256] = new byte[Length];

        var failed = await Assert.ThrowsAsync<ArtifactException>(
            () => fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(120)));

        Assert.Equal(DeploymentFailure.DigestMismatch, failed.Failure);
        Assert.Contains("assembled 3 times", failed.Message, StringComparison.Ordinal);
        // A beginning that the cut link swallowed whole is asked for again and assembles nothing: those are counted that went on.
        long[] from = [.. fixture.Server.Requests.Select(request => (long)request.From)];
        Assert.Equal(3, from.Zip(from.Skip(1)).Count(pair => pair is { First: 0, Second: > 0 }));
        Assert.Equal(0, fixture.Shelf.BytesOf(artifact));
    }

    [Fact]
    public async Task Right_bytes_over_a_link_that_always_cuts_arrive()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        await using var link = new TestKit.TcpFaultProxy("127.0.0.1", fixture.Server.HttpsPort) { CutAfterBytes = Length / 4 };
        fixture.GoThrough(link);
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        await fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None);
        Assert.True(await fixture.Shelf.HoldsAsync(artifact, CancellationToken.None));
    }

    [Fact]
    public async Task Connection_that_only_trickles_is_given_up_though_something_always_arrives()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        (fixture.Options.StallTimeout, fixture.Options.MinimumBytesPerSecond) = (TimeSpan.FromSeconds(0.5), 10_000);
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        fixture.Server.Misbehave = async (context, content, from) =>
        {
            context.Response.StatusCode = from > 0 ? 206 : 200;
            context.Response.ContentLength = content.Length - from;
            if (from > 0) context.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
            for (var at = (int)from; !context.RequestAborted.IsCancellationRequested; at += 50)
            {
                await context.Response.Body.WriteAsync(content.AsMemory(at, 50));
                await context.Response.Body.FlushAsync();
                await Task.Delay(20);
            }
            return true;
        };

        var failed = await Assert.ThrowsAsync<ArtifactException>(
            () => fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(120)));

        Assert.Equal(DeploymentFailure.DownloadFailed, failed.Failure);
        Assert.Contains("less than 10,000 bytes a second", failed.Message, StringComparison.Ordinal);
        Assert.Equal(3, fixture.Server.Requests.Count);
        Assert.True(fixture.Server.Requests.Last().From > 0);
    }

    [Fact]
    public async Task Whole_staging_file_is_taken_without_asking_the_server()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var content = ShelfFixture.Content(Length);
        var artifact = fixture.Server.Store("m.onnx", content);
        await File.WriteAllBytesAsync(fixture.Shelf.StagingPathOf(artifact), content);
        await fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None);
        Assert.True(await fixture.Shelf.HoldsAsync(artifact, CancellationToken.None));
        Assert.Empty(fixture.Server.Requests);
    }

    [Fact]
    public async Task Cancelled_download_stops_at_once_and_keeps_what_arrived()
    {
        await using var fixture = await ShelfFixture.StartAsync();
        var artifact = fixture.Server.Store("m.onnx", ShelfFixture.Content(Length));
        using var newer = new CancellationTokenSource();
        fixture.Server.Misbehave = async (context, content, _) =>
        {
            context.Response.ContentLength = content.Length;
            await context.Response.Body.WriteAsync(content.AsMemory(0, 100_000));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        var fetch = fixture.Download.FetchAsync(artifact, bytes => { if (bytes >= 100_000) newer.Cancel(); }, newer.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(100_000, fixture.Shelf.BytesOf(artifact));
    }

    [Fact]
    public void Shelf_keeps_only_what_is_named()
    {
        using var folder = new TestKit.TemporaryFolder();
        var data = new Disk.DataFolder(folder.Path);
        data.Create();
        foreach (var name in (string[])["a", "b"]) File.WriteAllText(Path.Combine(data.Shelf, name), name);
        File.WriteAllText(Path.Combine(data.Staging, "c"), "c");
        new ArtifactShelf(data).Collect(new HashSet<string> { "a" });
        Assert.Equal(["a"], Directory.EnumerateFiles(data.Shelf).Select(Path.GetFileName));
        Assert.Empty(Directory.EnumerateFiles(data.Staging));
    }

    private static async Task AssertMismatchAsync(ShelfFixture fixture, ArtifactReference artifact)
    {
        var failed = await Assert.ThrowsAsync<ArtifactException>(
            () => fixture.Download.FetchAsync(artifact, _ => { }, CancellationToken.None));
        Assert.Equal(DeploymentFailure.DigestMismatch, failed.Failure);
        Assert.Equal(0, fixture.Shelf.BytesOf(artifact));
        Assert.Empty(Directory.EnumerateFiles(fixture.Data.Shelf));
    }

    /// <summary>A part of the content under the length of all of it.</summary>
    private static async Task BlockAsync(Microsoft.AspNetCore.Http.HttpContext context, byte[] content, int from, int count)
    {
        context.Response.ContentLength = content.Length;
        await context.Response.Body.WriteAsync(content.AsMemory(from, count));
        await context.Response.Body.FlushAsync();
    }
}
