using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Platform;

namespace Fleet.Agent.Enrollment;

/// <summary>Keeps the identity: one file, replaced in one step, so that a device is enrolled wholly or not at all.</summary>
internal static class IdentityFile
{
    /// <summary>The identity, or null when the device was never enrolled.</summary>
    /// <exception cref="EnrollmentException">The file does not read as an identity.</exception>
    public static Identity? Read(DataFolder folder)
    {
        if (DurableFile.Read(folder.Identity) is not { } content) return null;
        try
        {
            return JsonSerializer.Deserialize(content, IdentityJson.Default.Identity) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new EnrollmentException($"{folder.Identity} does not read as an identity ({e.Message}). Restore it, or remove it and enroll this device anew.", EnrollmentFailure.NotEnrolled, e);
        }
    }

    /// <summary>Stores an identity.</summary>
    public static void Write(DataFolder folder, Identity identity) => DurableFile.Write(folder.Identity, JsonSerializer.SerializeToUtf8Bytes(identity, IdentityJson.Default.Identity));
}
