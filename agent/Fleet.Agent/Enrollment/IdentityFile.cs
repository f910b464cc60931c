using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Platform;

namespace Fleet.Agent.Enrollment;

/// <summary>The identity on disk: one file, replaced in one step, so that a device is either enrolled or not.</summary>
internal static class IdentityFile
{
    /// <summary>The identity, or null when the device was never enrolled.</summary>
    /// <exception cref="EnrollmentException">The file is not a readable identity.</exception>
    public static Identity? Read(DataFolder folder)
    {
        if (DurableFile.Read(folder.Identity) is not { } content) return null;
        try
        {
            return JsonSerializer.Deserialize(content, IdentityJson.Default.Identity) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new EnrollmentException(
                $"{folder.Identity} is not a readable identity ({e.Message}). Restore it, or remove it and enroll this device again.",
                EnrollmentFailure.NotEnrolled,
                e);
        }
    }

    /// <summary>The identity that what is asked of this device needs.</summary>
    /// <exception cref="EnrollmentException">There is none, or the file is not a readable identity.</exception>
    public static Identity Require(DataFolder folder)
        => Read(folder) ?? throw new EnrollmentException(
            $"This device is not enrolled: {folder.Identity} does not exist. Run 'fleet-agent enroll' first.",
            EnrollmentFailure.NotEnrolled);

    /// <summary>True when there is an identity that reads.</summary>
    public static bool IsReadable(DataFolder folder)
    {
        try
        {
            return Read(folder) is not null;
        }
        catch (EnrollmentException)
        {
            return false;
        }
    }

    /// <summary>Stores an identity.</summary>
    public static void Write(DataFolder folder, Identity identity)
        => DurableFile.Write(folder.Identity, JsonSerializer.SerializeToUtf8Bytes(identity, IdentityJson.Default.Identity));
}
