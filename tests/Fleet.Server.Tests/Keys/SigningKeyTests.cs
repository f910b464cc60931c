using Fleet.Server.Keys;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Keys;

public sealed class SigningKeyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Signing_key_is_made_once_private_and_stays()
    {
        var path = _folder["keys", "release.key"];
        using var first = SigningKey.OpenOrCreate(path);
        using var second = SigningKey.OpenOrCreate(path);
        Assert.Equal(first.Public.Id, second.Public.Id);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no key")]
    public void Damaged_signing_key_stops_the_server_and_is_not_replaced(string content)
    {
        var path = _folder["release.key"];
        File.WriteAllText(path, content);
        Assert.Contains("restore it from a backup", Assert.Throws<InvalidDataException>(() => SigningKey.OpenOrCreate(path)).Message,
            StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(path));
    }
}
