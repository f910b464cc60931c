using System.Text;
using Fleet.Cli.Client;
using Fleet.Contracts;

namespace Fleet.Cli.Specs;

/// <summary>The text of a file that a person wrote.</summary>
internal static class SpecText
{
    /// <summary>Reads it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="what">What it should be, for messages.</param>
    /// <exception cref="FleetException">It cannot be read, is too long or is not text.</exception>
    public static string Read(string file, string what)
    {
        byte[] bytes;
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > Limits.ApiRequestBytes } large)
                throw new FleetException($"{file} has {large.Length:#,0} bytes; a {what} has at most {Limits.ApiRequestBytes:#,0}.");
            bytes = File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FleetException($"The {what} {file} cannot be read: {e.Message}", e);
        }
        try { return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF'); }
        catch (ArgumentException) { throw new FleetException($"{file} is not UTF-8 text; a {what} is a YAML file."); }
    }
}
