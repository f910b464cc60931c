using System.Security.Cryptography;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;
using Fleet.Server.Keys;
using Fleet.Server.Tests.Storage;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Keys;

/// <summary>The keys of a data folder: made without a ceremony, taken over from before there were roots, and never made anew.</summary>
public sealed class FleetKeysTests : IDisposable
{
    private static readonly string[] Files = ["orders.key", "release.key", "root.key", "roots.json"];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>An order that withdraws everything.</summary>
    internal static DeviceOrder Order(TrustRoot root) => new()
    {
        Fleet = root.Fleet,
        Device = DeviceId.Parse("dev-1"),
        Epoch = root.OrderEpoch,
        Revision = 1,
        IssuedAt = root.IssuedAt,
        ExpiresAt = root.ExpiresAt,
        Assignments = [],
    };

    [Fact]
    public void First_start_makes_a_key_for_each_role_and_a_root_that_names_them()
    {
        using var keys = Open();
        Assert.Equal(Files, Directory.GetFiles(_folder.Path).Select(file => Path.GetFileName(file)!).Order());
        if (!OperatingSystem.IsWindows())
            foreach (var file in Files) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder[file]));
        Assert.Empty(RootRules.ProblemsOf(keys.Root));
        Assert.True(RootChain.First(keys.Roots[0], keys.Roots[0].Digest()).Trusted);
        using var again = Open();
        Assert.Equal(keys.Roots[0].Digest(), again.Roots[0].Digest());
    }

    [Fact]
    public void Root_of_a_folder_from_before_roots_is_signed_by_the_release_key_that_its_devices_trust()
    {
        using var before = SigningKey.OpenOrCreate(_folder["release.key"]);
        using var keys = Open();
        Assert.Equal(before.Public.Id, Assert.Single(keys.Root.ReleaseKeys()).Id);
        Assert.True(RootChain.Adopt(keys.Roots[0], [before.Public]).Trusted);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void First_start_that_was_killed_after_some_of_its_files_is_completed(int written)
    {
        using (Open())
        {
        }
        File.Move(_folder["root.key"], _folder["root.key.next"]);
        File.Move(_folder["orders.key"], _folder["orders.key.next"]);
        string[] order = ["release.key", "root.key.next", "orders.key.next", "roots.json"];
        foreach (var file in order[written..]) File.Delete(_folder[file]);
        var kept = order[..Math.Min(written, 3)].ToDictionary(file => file, file => File.ReadAllText(_folder[file]));
        using var keys = Open();
        Assert.Equal(Files, Directory.GetFiles(_folder.Path).Select(file => Path.GetFileName(file)!).Order());
        Assert.All(kept, file =>
            Assert.Equal(file.Value, File.ReadAllText(_folder[file.Key.Replace(".next", "", StringComparison.Ordinal)])));
    }

    [Fact]
    public void Roots_that_are_lost_are_not_made_anew()
    {
        using (Open())
        {
        }
        File.Delete(_folder["roots.json"]);
        Assert.Contains("backup", Assert.Throws<InvalidDataException>(Open).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["roots.json"]));
    }

    [Theory]
    [InlineData("orders.key")]
    [InlineData("release.key")]
    public void Key_that_is_lost_or_replaced_by_another_is_said_and_not_made_anew(string file)
    {
        using (Open())
        {
        }
        File.Delete(_folder[file]);
        using (var keys = Open()) Assert.Contains(file, Assert.Single(keys.Problems()), StringComparison.Ordinal);
        Assert.False(File.Exists(_folder[file]));
        using (SigningKey.OpenOrCreate(_folder[file]))
        using (var keys = Open()) Assert.Contains(file, Assert.Single(keys.Problems()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("no json")]
    [InlineData("""[{"payloadType":"application/vnd.fleet.root+json","payload":"e30=","signatures":[]}]""")]
    public void Roots_that_do_not_read_stop_the_server_and_are_not_replaced(string content)
    {
        File.WriteAllText(_folder["roots.json"], content);
        Assert.Contains("backup", Assert.Throws<InvalidDataException>(Open).Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(_folder["roots.json"]));
    }

    [Fact]
    public void Folder_from_before_roots_that_has_lost_its_release_key_gets_no_new_one()
    {
        var refused = Assert.Throws<InvalidDataException>(
            () => FleetKeys.OpenOrCreate(KeyPlaces.In(new KeyFolder(_folder.Path)), [], TimeProvider.System));
        Assert.Contains("release.key", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Root_and_key_that_find_no_space_change_nothing_and_are_taken_once_there_is_some()
    {
        using var disk = SmallDisk.Mount();
        var folder = new KeyFolder(Path.Combine(disk.Path, "keys"));
        using (var keys = FleetKeys.OpenOrCreate(KeyPlaces.In(folder), null, TimeProvider.System))
        {
            var prepared = keys.Prepare(new RootChange { Orders = true }, DateTimeOffset.UtcNow).Value!;
            disk.Fill();
            Assert.ThrowsAny<IOException>(() => keys.Apply(prepared));
            Assert.ThrowsAny<IOException>(() => keys.Prepare(new RootChange { Releases = true }, DateTimeOffset.UtcNow));
            Assert.Equal(1, keys.Root.Version);
            Assert.NotNull(keys.SignOrder(Order(keys.Root)));

            disk.MakeSpace();
            Assert.Null(keys.Apply(prepared));
            Assert.Null(keys.Apply(keys.Prepare(new RootChange { Releases = true }, DateTimeOffset.UtcNow).Value!));
        }
        using var again = FleetKeys.OpenOrCreate(KeyPlaces.In(folder), null, TimeProvider.System);
        Assert.Equal(3, again.Root.Version);
        Assert.Empty(again.Problems());
    }

    /// <summary>A server killed between the root that ends a key and its removal left a key that devices still trusted.</summary>
    [Fact]
    public void Key_of_the_root_that_went_offline_is_removed_by_the_next_start_when_a_kill_left_it()
    {
        using var elsewhere = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var before = File.ReadAllBytes(Prepared(elsewhere));
        Assert.False(File.Exists(_folder["root.key"]));
        File.WriteAllBytes(_folder["root.key"], before);

        using (var keys = Open()) Assert.DoesNotContain(keys.OnServer, keys.Root.Roles.Root.Keys.Contains);
        Assert.False(File.Exists(_folder["root.key"]));

        // A key that no root ever named is nobody's to remove.
        using (SigningKey.OpenOrCreate(_folder["root.key"]))
        using (Open()) Assert.True(File.Exists(_folder["root.key"]));
    }

    /// <summary>Hands the root over to a key elsewhere.</summary>
    /// <returns>A copy of the key that it was before.</returns>
    private string Prepared(ECDsa elsewhere)
    {
        using var keys = Open();
        File.Copy(_folder["root.key"], _folder["copy"]);
        var prepared = keys.Prepare(new RootChange { RootKeys = [SignedFleet.PublicOf(elsewhere)] }, DateTimeOffset.UtcNow).Value!;
        Assert.Null(keys.Apply(prepared.SignedBy(elsewhere)));
        return _folder["copy"];
    }

    private FleetKeys Open() => FleetKeys.OpenOrCreate(KeyPlaces.In(new KeyFolder(_folder.Path)), null, TimeProvider.System);
}
