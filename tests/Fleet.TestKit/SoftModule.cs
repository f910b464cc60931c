using System.Runtime.InteropServices;

namespace Fleet.TestKit;

/// <summary>A security module in software (SoftHSM) with one token, in a folder of its own. It can be taken away and put back.</summary>
public sealed partial class SoftModule : IDisposable
{
    private const string Library = "/usr/lib/softhsm/libsofthsm2.so";
    private const string Token = "fleet test";
    private readonly TemporaryFolder _folder = new();

    private SoftModule()
    {
        Directory.CreateDirectory(_folder["tokens"]);
        File.WriteAllText(ConfigurationFile, $"directories.tokendir = {_folder["tokens"]}\n");
        SetPin(Pin);
    }

    /// <summary>What opens the token.</summary>
    public static string Pin => "284-756";

    /// <summary>What SOFTHSM2_CONF must name in a process that uses it.</summary>
    public string ConfigurationFile => _folder["softhsm2.conf"];

    /// <summary>The file that a server reads the PIN from.</summary>
    public string PinFile => _folder["pin"];

    /// <summary>The variables of a process that uses it.</summary>
    public IReadOnlyDictionary<string, string?> Environment => new Dictionary<string, string?> { ["SOFTHSM2_CONF"] = ConfigurationFile };

    /// <summary>A module with one token.</summary>
    public static async Task<SoftModule> CreateAsync()
    {
        var module = new SoftModule();
        var made = await ChildProcess.RunAsync(
            "softhsm2-util", ["--init-token", "--free", "--label", Token, "--so-pin", "284-757", "--pin", Pin], TimeSpan.FromMinutes(1),
            module.Environment);
        return made.Code == 0 ? module : throw new InvalidOperationException(made.Output);
    }

    /// <summary>Makes the library find it here. It asks the C library, which the runtime's own variables do not reach.</summary>
    public void UseInThisProcess()
    {
        if (SetVariable("SOFTHSM2_CONF", ConfigurationFile, 1) != 0) throw new InvalidOperationException("The variable cannot be set.");
    }

    /// <summary>The settings of a server that uses it, beside the labels of keys.</summary>
    public IEnumerable<string> Settings() =>
    [
        $"--Fleet:Keys:Pkcs11Library={Library}", $"--Fleet:Keys:Pkcs11Token={Token}", $"--Fleet:Keys:Pkcs11PinFile={PinFile}",
    ];

    /// <summary>What the server reads as PIN from now on.</summary>
    public void SetPin(string pin, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        File.WriteAllText(PinFile, pin + "\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(PinFile, mode);
    }

    /// <summary>The token is gone.</summary>
    public void TakeAway()
    {
        Directory.Move(_folder["tokens"], _folder["away"]);
        Directory.CreateDirectory(_folder["tokens"]);
    }

    /// <summary>The token is back.</summary>
    public void PutBack()
    {
        // The module makes a token without content where it finds none.
        Directory.Delete(_folder["tokens"], recursive: true);
        Directory.Move(_folder["away"], _folder["tokens"]);
    }

    /// <inheritdoc/>
    public void Dispose() => _folder.Dispose();

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
