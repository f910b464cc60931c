using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Platform;

namespace Fleet.Modeling.Training;

/// <summary>
/// What a build keeps in its folder to go on after its process was killed: each training as far as it came, and what is
/// finished. Made for one spec and one data set: another finds nothing.
/// </summary>
internal sealed class BuildMemory
{
    /// <summary>Part of the digest: a program that keeps something else, or computes otherwise, raises it and begins again.</summary>
    private const int Format = 20;

    /// <summary>A checkpoint of a student is written in milliseconds, one of a large teacher in a second.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly string _folder;

    private BuildMemory(string folder) => _folder = folder;

    /// <summary>Opens the memory in <paramref name="buildFolder"/>; what is there of another spec or other data is removed.</summary>
    public static BuildMemory Open(string buildFolder, BuildSpec spec, DataSet data)
    {
        var memory = new BuildMemory(Path.Combine(buildFolder, "unfinished"));
        var digest = Convert.ToHexStringLower(SHA256.HashData(
            Encoding.UTF8.GetBytes($"{Format} {data.Sha256()} {JsonSerializer.Serialize(spec, FleetJson.Default.BuildSpec)}")));
        var owner = memory.PathOf("digest");
        if (File.Exists(owner) && File.ReadAllText(owner) == digest) return memory;
        memory.Forget();
        Directory.CreateDirectory(memory._folder);
        DurableFile.Write(owner, Encoding.UTF8.GetBytes(digest));
        return memory;
    }

    /// <summary>Where the training of that name is kept.</summary>
    public Checkpoint Training(string name) => new(PathOf(name + ".checkpoint"), Interval);

    /// <summary>What was finished under that name, or null.</summary>
    public T? Finished<T>(string name) where T : class
        => File.Exists(PathOf(name + ".json")) ? JsonSerializer.Deserialize<T>(File.ReadAllText(PathOf(name + ".json"))) : null;

    /// <summary>Keeps what came out of something that need not be done again. Files that belong to it must be on the disk.</summary>
    public void Finish<T>(string name, T result)
        where T : class => DurableFile.Write(PathOf(name + ".json"), JsonSerializer.SerializeToUtf8Bytes(result));

    /// <summary>The memory of a part of the build, such as a fold, which has trainings of the same names.</summary>
    public BuildMemory Part(string name)
    {
        Directory.CreateDirectory(PathOf(name));
        return new BuildMemory(PathOf(name));
    }

    /// <summary>Where a part may keep its files.</summary>
    public string Folder => _folder;

    /// <summary>Forgets everything.</summary>
    public void Forget()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);
}
