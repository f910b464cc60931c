namespace Fleet.Server.Keys;

/// <summary>Where the keys of a fleet lie.</summary>
/// <param name="Folder">The roots, and keys that are files.</param>
/// <param name="Root">Signs the next root.</param>
/// <param name="Releases">Signs releases.</param>
/// <param name="Orders">Signs orders.</param>
internal sealed record KeyPlaces(KeyFolder Folder, IKeyPlace Root, IKeyPlace Releases, IKeyPlace Orders)
{
    /// <summary>Files, all of them.</summary>
    public static KeyPlaces In(KeyFolder folder) => new(
        folder, new FileKeyPlace(folder.RootKey), new FileKeyPlace(folder.ReleaseKey), new FileKeyPlace(folder.OrderKey));

    /// <summary>Files, and a security module for those keys that the settings give a label there.</summary>
    public static KeyPlaces In(KeyFolder folder, KeysOptions options, SecurityModule module)
    {
        var files = In(folder);
        return files with
        {
            Releases = Place(files.Releases, options.ReleaseKeyLabel),
            Orders = Place(files.Orders, options.OrderKeyLabel),
        };

        IKeyPlace Place(IKeyPlace file, string? label) => label is null ? file : new ModuleKeyPlace(module, label, (FileKeyPlace)file);
    }

    /// <summary>
    /// The key of releases that the first root names. Devices of a folder from before there were roots trust the one that is there.
    /// </summary>
    public SigningKey FirstReleaseKey() => Releases is FileKeyPlace || FileKeyPlace.Exists(Folder.ReleaseKey)
        ? SigningKey.OpenOrCreate(Folder.ReleaseKey)
        : Releases.Prepare(new HashSet<string>());
}
