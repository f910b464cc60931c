using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Devices;

namespace Fleet.Quantization.Estimates;

/// <summary>
/// Names the cost model of a profile: what devices measured corrects the estimates of the model that they were compared with, and no
/// other.
/// </summary>
internal static class EstimateVersion
{
    /// <summary>Raised when <see cref="CostModel"/> counts otherwise; a change of <see cref="KernelCosts"/> shows by itself.</summary>
    private const int Counting = 3;

    /// <summary>Eight hexadecimal digits.</summary>
    public static string Of(HardwareProfile profile) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes($"{Counting} {KernelCosts.Of(profile).Figures}")))[..8];
}
