using Fleet.Contracts.Devices;

namespace Fleet.Agent.Enrollment;

/// <summary>What a person asks for when they enroll this device.</summary>
/// <param name="Server">Address of the server's port for devices.</param>
/// <param name="Token">The join token.</param>
/// <param name="Device">The id.</param>
/// <param name="Profile">The profile declared by hand; null when the facts decide.</param>
/// <param name="Replace">Whether an identity that is here is replaced: a new key for the same device.</param>
internal sealed record EnrollmentOrder(Uri Server, string Token, DeviceId Device, string? Profile, bool Replace = false)
{
    /// <summary>The id alone: a join token is a secret.</summary>
    public override string ToString() => $"enrollment of {Device}";
}
