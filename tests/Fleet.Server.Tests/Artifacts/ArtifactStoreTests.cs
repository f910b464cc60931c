using System.Security.Cryptography;
using Fleet.Server.Artifacts;
using Fleet.Server.Storage;
using Fleet.Server.Tests.Storage;

namespace Fleet.Server.Tests.Artifacts;

public sealed class ArtifactStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleet-artifacts-").FullName;
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Upload_is_kept_under_its_digest()
    {
        var content = RandomNumberGenerator.GetBytes(300_000);
        var store = new ArtifactStore(_folder);
        Assert.Equal(ArtifactOutcome.Stored, await store.StoreAsync(Digest(content), new MemoryStream(content), null, Token));
        Assert.Equal(content, await File.ReadAllBytesAsync(store.PathOf(Digest(content)), Token));
        Assert.Equal(content.Length, store.LengthOf(Digest(content)));
    }

    [Fact]
    public async Task Upload_of_what_exists_reads_nothing()
    {
        byte[] content = [1, 2, 3];
        var store = new ArtifactStore(_folder);
        await store.StoreAsync(content, Token);
        Assert.Equal(ArtifactOutcome.AlreadyThere,
            await store.StoreAsync(Digest(content), new ThrowingStream([], new IOException("it was read")), null, Token));
    }

    /// <summary>It was said to be there, and whoever came to repair it was told that all is well.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Artifact_that_was_cut_short_is_whole_after_its_upload(bool lengthIsKnown)
    {
        var content = RandomNumberGenerator.GetBytes(300_000);
        var store = new ArtifactStore(_folder);
        var sha256 = await store.StoreAsync(content, Token);
        await File.WriteAllBytesAsync(store.PathOf(sha256), content[..100_000], Token);
        long? length = lengthIsKnown ? content.Length : null;
        Assert.Equal(ArtifactOutcome.Stored, await store.StoreAsync(sha256, new MemoryStream(content), length, Token));
        Assert.Equal(content, await File.ReadAllBytesAsync(store.PathOf(sha256), Token));
        Assert.Equal(ArtifactOutcome.AlreadyThere, await store.StoreAsync(sha256, new MemoryStream(content), length, Token));
    }

    /// <summary>Space was looked at once, before two gigabytes: revocations and audit lines found none.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Upload_that_would_eat_the_reserve_is_refused_before_it_has(bool lengthIsKnown)
    {
        using var disk = SmallDisk.Mount();
        const int bytes = 36 << 20;
        var reserve = disk.Free - (28 << 20);
        var store = new ArtifactStore(disk.Path, space: new FreeSpace(disk.Path, reserve));
        var (content, least) = (new LeastFreeStream(bytes, disk), disk.Free);
        var refused = await Assert.ThrowsAsync<StoreException>(
            () => store.StoreAsync(Digest([1]), content, lengthIsKnown ? bytes : null, Token));
        Assert.Equal(StoreFailure.Full, refused.Failure);
        // Between two looks it may take some of it, and never half.
        Assert.InRange(content.Least, lengthIsKnown ? least : reserve / 2, long.MaxValue);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(disk.Path, "staging")));
    }

    [Fact]
    public async Task Upload_with_another_digest_leaves_nothing()
    {
        var store = new ArtifactStore(_folder);
        Assert.Equal(ArtifactOutcome.DigestMismatch, await store.StoreAsync(Digest([9]), new MemoryStream([1, 2, 3]), null, Token));
        AssertEmpty();
    }

    [Theory]
    [InlineData(1000, nameof(ArtifactOutcome.Stored))]
    [InlineData(1001, nameof(ArtifactOutcome.TooLarge))]
    public async Task Upload_is_taken_up_to_the_limit(int bytes, string outcome)
    {
        var content = new byte[bytes];
        var store = new ArtifactStore(_folder, maximumBytes: 1000);
        Assert.Equal(outcome, (await store.StoreAsync(Digest(content), new MemoryStream(content), null, Token)).ToString());
        if (outcome == nameof(ArtifactOutcome.TooLarge)) AssertEmpty();
    }

    [Fact]
    public async Task Upload_that_breaks_off_leaves_nothing()
    {
        var store = new ArtifactStore(_folder);
        await Assert.ThrowsAsync<IOException>(
            () => store.StoreAsync(Digest([1, 2, 3]), new ThrowingStream([1, 2], new IOException("broken off")), null, Token));
        AssertEmpty();
    }

    [Fact]
    public async Task Two_uploads_of_the_same_artifact_at_once_both_succeed()
    {
        var content = RandomNumberGenerator.GetBytes(2_000_000);
        var store = new ArtifactStore(_folder);
        var outcomes = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => store.StoreAsync(Digest(content), new MemoryStream(content), null, Token)));
        Assert.All(outcomes, outcome => Assert.True(outcome is ArtifactOutcome.Stored or ArtifactOutcome.AlreadyThere));
        Assert.Equal(content.Length, store.LengthOf(Digest(content)));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_folder, "staging")));
    }

    [Fact]
    public void What_a_killed_server_left_is_swept_at_the_next_start()
    {
        _ = new ArtifactStore(_folder);
        File.WriteAllText(Path.Combine(_folder, "staging", "half"), "half of it");
        _ = new ArtifactStore(_folder);
        AssertEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData("../keys/release.key")]
    [InlineData("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8551")]
    public void Text_that_is_not_a_digest_never_becomes_a_path(string text)
        => Assert.Throws<ArgumentException>(() => new ArtifactStore(_folder).PathOf(text));

    private void AssertEmpty() => Assert.Empty(Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories));

    private static string Digest(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>Zeros, and how little was free while they were read.</summary>
    private sealed class LeastFreeStream(int bytes, SmallDisk disk) : MemoryStream(new byte[bytes])
    {
        public long Least { get; private set; } = long.MaxValue;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Least = Math.Min(Least, disk.Free);
            return base.ReadAsync(buffer, cancellationToken);
        }
    }

    /// <summary>A connection that breaks after some bytes.</summary>
    private sealed class ThrowingStream(byte[] before, Exception exception) : MemoryStream(before)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            => Position < Length ? base.ReadAsync(buffer, cancellationToken) : throw exception;
    }
}
