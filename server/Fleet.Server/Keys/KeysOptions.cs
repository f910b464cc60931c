using System.ComponentModel;
using Fleet.Server.Settings;

namespace Fleet.Server.Keys;

/// <summary>Settings of where the fleet's keys lie, section <c>Fleet:Keys</c>. Unset, they are files of the data folder.</summary>
internal sealed record KeysOptions : IRoomSettings
{
    string IRoomSettings.Section => "Fleet:Keys";

    [Description("Label of the key of releases in a security module, such as fleet-releases. Unset, it is a file.")]
    public string? ReleaseKeyLabel { get; init; }

    [Description("Label of the key of orders in a security module. Unset, it is a file. Each order to a device is one signature.")]
    public string? OrderKeyLabel { get; init; }

    [Description("Library by which a security module is used (PKCS#11), such as /usr/lib/softhsm/libsofthsm2.so.")]
    public string? Pkcs11Library { get; init; }

    [Description("Label of the token in the security module.")]
    public string? Pkcs11Token { get; init; }

    [Description("File with the PIN of the token, readable by the server's user alone.")]
    public string? Pkcs11PinFile { get; init; }

    /// <summary>True when a key lies in a security module.</summary>
    public bool UsesModule => ReleaseKeyLabel is not null || OrderKeyLabel is not null;

    /// <inheritdoc/>
    public IRoomSettings WithWholePaths() => this with { Pkcs11Library = Whole(Pkcs11Library), Pkcs11PinFile = Whole(Pkcs11PinFile) };

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var rules = new SettingsRules("Fleet:Keys");
        if (!UsesModule) return rules.Problems;
        rules.Require(!string.IsNullOrWhiteSpace(Pkcs11Library), nameof(Pkcs11Library), "must name the library of the security module");
        rules.Require(!string.IsNullOrWhiteSpace(Pkcs11Token), nameof(Pkcs11Token), "must name the token in the security module");
        rules.Require(!string.IsNullOrWhiteSpace(Pkcs11PinFile), nameof(Pkcs11PinFile), "must name the file with the token's PIN");
        rules.Require(ReleaseKeyLabel != "" && OrderKeyLabel != "", nameof(ReleaseKeyLabel), "must not be empty, like every label");
        rules.Require(ReleaseKeyLabel != OrderKeyLabel, nameof(OrderKeyLabel), "must differ from that of releases: a key has one role");
        return rules.Problems;
    }

    private static string? Whole(string? path) => path is { Length: > 0 } ? Path.GetFullPath(path) : path;
}
