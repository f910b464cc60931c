using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;

namespace Fleet.Agent.Tests.Bundles;

/// <summary>
/// Files that are carried to a device by somebody who wants it to run something else. Release 2 serves and goes on serving.
/// </summary>
public sealed class InstallAttackTests
{
    [Fact]
    public async Task Bundle_signed_by_a_foreign_key_is_refused()
    {
        await using var foreign = await TestServer.StartAsync();
        await RefusedAsync("does not trust", _ => CarriedFile.Of(foreign, TestRelease.Assign(foreign, 3)));
    }

    [Fact]
    public async Task Artifact_of_a_bundle_with_one_byte_changed_is_refused()
        => await RefusedAsync("changed after it was signed", server =>
        {
            var files = CarriedFile.FilesOf(server, TestRelease.Assign(server, 3));
            files[^1].Content[^1] ^= 1;
            return CarriedFile.Of(server, files);
        });

    [Fact]
    public async Task Artifacts_of_another_release_in_a_bundle_are_refused()
        => await RefusedAsync("x64-fp32.onnx", server =>
        {
            var files = CarriedFile.FilesOf(server, TestRelease.Assign(server, 3));
            var others = CarriedFile.FilesOf(server, TestRelease.Assign(server, 4));
            return CarriedFile.Of(server, [files[0], .. others.Skip(1)]);
        });

    [Fact]
    public async Task Bundle_that_lacks_an_artifact_is_refused()
        => await RefusedAsync("is missing, which the release names", server =>
            CarriedFile.Of(server, [.. CarriedFile.FilesOf(server, TestRelease.Assign(server, 3)).SkipLast(1)]));

    [Fact]
    public async Task Bundle_that_is_cut_short_is_refused()
        => await RefusedAsync("cut short", server => CarriedFile.Of(server, TestRelease.Assign(server, 3))[..^2000]);

    [Fact]
    public async Task Older_release_in_a_bundle_is_refused()
        => await RefusedAsync("older than 2", server => CarriedFile.Of(server, TestRelease.Assign(server, 1)));

    [Fact]
    public async Task Release_in_a_bundle_that_has_expired_is_refused()
        => await RefusedAsync("expired at", server =>
        {
            var manifest = TestRelease.Manifest(
                server, 3, "vibration", TestRelease.Variant(server, TestRelease.Model(3))) with
            { ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) };
            return CarriedFile.Of(server, TestRelease.Assign(server, manifest));
        });

    [Fact]
    public async Task Order_to_another_device_in_a_bundle_is_refused()
        => await RefusedAsync("dev-2", server =>
        {
            var assignment = TestRelease.Assign(server, 3);
            return CarriedFile.Of(server, assignment, server.Fleet.Desired("dev-2", 5, assignment));
        });

    [Fact]
    public async Task Unsigned_order_in_a_bundle_is_refused()
        => await RefusedAsync("order", server =>
        {
            var assignment = TestRelease.Assign(server, 3);
            return CarriedFile.Of(server, assignment, new DesiredState { Revision = 5, Assignments = [assignment] });
        });

    [Fact]
    public async Task Order_in_a_bundle_that_names_another_release_than_the_bundle_is_refused()
        => await RefusedAsync("does not name the release", server => CarriedFile.Of(
            server, TestRelease.Assign(server, 3), server.Fleet.Desired("dev-1", 5, TestRelease.Assign(server, 4))));

    /// <summary>A device that no network reaches hears of a withdrawal from an order that is carried to it.</summary>
    [Fact]
    public async Task Release_that_was_withdrawn_is_refused_in_a_bundle_that_is_as_good_as_ever()
    {
        await using var site = await Carrying.StartAsync();
        var (bad, good) = (TestRelease.Assign(site.Server, 3), TestRelease.Assign(site.Server, 2));
        var withdrawing = site.Server.Fleet.Withdrawing("dev-1", 5, [new("vibration", 3, bad.Release.Digest())], good);
        var (carriedBad, carriedGood) = (CarriedFile.Of(site.Server, bad), CarriedFile.Of(site.Server, good, withdrawing));
        Assert.True((await site.InstallAsync(carriedGood)).Installed);
        var answer = await site.InstallAsync(carriedBad);
        Assert.Equal((false, DeploymentFailure.ReleaseWithdrawn, 2), (answer.Installed, answer.Failure, answer.ActiveVersion));
        Assert.Contains("was withdrawn", answer.Detail, StringComparison.Ordinal);
        site.Agent.Start();
        await site.Agent.ServesAsync(2);
    }

    private static async Task RefusedAsync(string because, Func<TestServer, byte[]> bundle)
    {
        await using var site = await Carrying.StartAsync();
        Assert.True((await site.InstallAsync(CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, 2)))).Installed);
        var answer = await site.InstallAsync(bundle(site.Server));
        Assert.False(answer.Installed);
        Assert.Contains(because, answer.Detail, StringComparison.Ordinal);
        site.Agent.Start();
        await site.Agent.ServesAsync(2);
    }
}
