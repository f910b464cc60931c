namespace Fleet.Platform;

/// <summary>Finds another program of the product: beside this one when installed, in its build output in a checkout, or on PATH.</summary>
public static class SiblingProgram
{
    /// <summary>The program's path, or null.</summary>
    /// <param name="project">Name of its project.</param>
    /// <param name="program">Name of its executable, without extension.</param>
    public static string? Find(string project, string program)
        => Find(project, program, AppContext.BaseDirectory, Environment.GetEnvironmentVariable("PATH") ?? "");

    /// <summary>The same from another folder and another PATH.</summary>
    public static string? Find(string project, string program, string baseFolder, string path)
    {
        var file = OperatingSystem.IsWindows() ? program + ".exe" : program;
        // Build output is bin/{project}/{configuration}/.
        var own = new DirectoryInfo(Path.TrimEndingDirectorySeparator(baseFolder));
        var built = own.Parent?.Parent is { } bin ? Path.Combine(bin.FullName, project, own.Name) : null;
        return path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Prepend(built).Prepend(own.FullName)
            .OfType<string>().Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }
}
