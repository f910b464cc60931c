using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Client;

/// <summary>Which server is meant, and with which key: the command line first, then the environment, then this machine.</summary>
public sealed class ServerAddressTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string> _variables = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Without_a_word_it_is_the_server_of_this_machine_without_a_key()
    {
        var address = Resolve(null, null);
        Assert.Equal(("http://127.0.0.1:8080", null), (address.ToString(), address.Key));
    }

    [Fact]
    public void Option_stands_above_the_environment_and_an_empty_variable_is_none()
    {
        _variables["FLEET_SERVER"] = "https://fleet.example:8443";
        Assert.Equal("https://fleet.example:8443", Resolve(null, null).ToString());
        Assert.Equal("http://other:1", Resolve("http://other:1", null).ToString());
        _variables["FLEET_SERVER"] = "";
        Assert.Equal(ServerAddress.DefaultUrl, Resolve(null, null).ToString());
    }

    [Theory]
    [InlineData("fleet.example")]
    [InlineData("fleet.example:8443")]
    [InlineData("ftp://fleet.example")]
    [InlineData("/var/lib/fleet")]
    [InlineData("")]
    public void Address_of_another_form_is_a_mistake_of_usage(string url)
    {
        var mistake = Assert.Throws<FleetException>(() => Resolve(url, null));
        Assert.Equal(ExitCode.Usage, mistake.Code);
        Assert.Contains($"'{url}' is not a server address: write http://HOST:PORT or https://HOST:PORT.", mistake.Lines);
    }

    [Fact]
    public void Key_is_taken_from_the_file_that_is_named_then_from_the_variable_that_names_one_then_from_the_key_itself()
    {
        _variables["FLEET_API_KEY"] = " key-itself ";
        Assert.Equal("key-itself", Resolve(null, null).Key);
        _variables["FLEET_KEY_FILE"] = KeyFile("variable.key", "key-of-variable\n");
        Assert.Equal("key-of-variable", Resolve(null, null).Key);
        Assert.Equal("key-of-option", Resolve(null, KeyFile("option.key", "key-of-option")).Key);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("two\nlines")]
    [InlineData("a\u0000b")]
    public void File_that_does_not_hold_one_line_is_refused_without_showing_what_it_holds(string text)
    {
        var refusal = Assert.Throws<FleetException>(() => Resolve(null, KeyFile("bad.key", text)));
        Assert.Equal($"The key file {_folder["bad.key"]} does not hold one line with an API key.", Assert.Single(refusal.Lines));
    }

    [Theory]
    [InlineData(512, true)]
    [InlineData(513, false)]
    public void Key_is_as_long_as_a_key_may_be(int length, bool taken)
    {
        var file = KeyFile("long.key", new string('k', length));
        if (taken) Assert.Equal(length, Resolve(null, file).Key!.Length);
        else Assert.Throws<FleetException>(() => Resolve(null, file));
    }

    [Fact]
    public void Key_is_not_printed_with_the_address()
        => Assert.Equal("http://a:1", new ServerAddress(new Uri("http://a:1/x?y"), "secret", null).ToString());

    [Theory]
    [InlineData(null)]
    [InlineData("no certificate")]
    public void Authority_that_cannot_be_read_is_named(string? text)
    {
        var file = _folder["ca.pem"];
        if (text is not null) File.WriteAllText(file, text);
        var refusal = Assert.Throws<FleetException>(() => ServerAddress.Resolve("https://a:1", null, file, _ => null).CreateHandler());
        Assert.StartsWith($"The CA certificate {file} cannot be read as PEM:", refusal.Lines[0], StringComparison.Ordinal);
    }

    private ServerAddress Resolve(string? url, string? keyFile)
        => ServerAddress.Resolve(url, keyFile, null, name => _variables.GetValueOrDefault(name));

    private string KeyFile(string name, string text)
    {
        File.WriteAllText(_folder[name], text);
        return _folder[name];
    }
}
