using System.Security.Cryptography;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Tests.Display;

public sealed class KeyTablesTests
{
    [Fact]
    public void Key_in_a_security_module_is_told_from_one_in_a_file_and_from_one_elsewhere()
    {
        ReleaseKey[] keys = [.. Enumerable.Range(0, 3).Select(_ =>
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            return ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
        })];
        var root = new TrustRoot
        {
            Fleet = new string('a', 32),
            Version = 1,
            OrderEpoch = 1,
            IssuedAt = DateTimeOffset.UnixEpoch,
            ExpiresAt = DateTimeOffset.UnixEpoch.AddDays(1),
            Keys = keys,
            Roles = new TrustRoles(
                new TrustRole([keys[0].Id], 1), new TrustRole([keys[1].Id], 1), new TrustRole([keys[2].Id], 1)),
        };
        using var output = new StringWriter();
        KeyTables.Write(
            new Shell(output, TextWriter.Null, outputIsTerminal: false, errorIsTerminal: false, width: 120, _ => null, TimeProvider.System),
            new KeysView(root, "", [keys[1].Id, keys[2].Id], default, 0)
            {
                InModule = [keys[1].Id],
                Problems = ["Key 'orders' of token 'fleet' is missing."],
            });
        Assert.Matches($@"root +{keys[0].Id[..16]} +elsewhere", output.ToString());
        Assert.Matches($@"releases +{keys[1].Id[..16]} +in the server's module", output.ToString());
        Assert.Matches($@"orders +{keys[2].Id[..16]} +on the server", output.ToString());
        Assert.Contains("Key 'orders' of token 'fleet' is missing.", output.ToString(), StringComparison.Ordinal);
    }
}
