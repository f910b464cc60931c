using Fleet.Modeling.Torch;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Training;

/// <summary>
/// Operations on images, some of them drawn for each and applied one after the other (RandAugment: Cubuk et al., arXiv 1909.13719, with its
/// list; without changes of colour where there are not three channels). Values may have any range: what is dark and what is bright is told
/// by the image itself, and what comes in from outside is as dark as its darkest place.
/// </summary>
internal static class PictureOperations
{
    /// <summary>Magnitude at which an operation is as strong as it gets.</summary>
    private const double MostMagnitude = 10;

    /// <summary>What the strongest do: degrees, shears, shifts by a share of the extent, and factors of 1 more or less this.</summary>
    private const double Degrees = 30, Shear = 0.3, Shift = 0.45, Factor = 0.9;

    /// <summary>Shades that the strongest reduction leaves, and those that equalizing tells apart.</summary>
    private const int FewestShades = 4, Shades = 256;

    /// <summary>Divisor of what does not differ.</summary>
    private const float Least = 1e-30f;

    /// <summary>Weight of a place against its eight neighbours where an image is smoothed, as Pillow's filter does.</summary>
    private const float OwnWeight = 5;

    // The strength is 0 to 1; those that go both ways get a sign.
    private static readonly Func<Tensor, double, double, Tensor>[] All = [
        (image, _, _) => image,
        (image, _, _) => Stretched(image),
        (image, _, _) => Equalized(image),
        (image, strength, sign) => Turned(image, sign * strength * Degrees * Math.PI / 180),
        (image, strength, _) => Solarized(image, strength),
        (image, strength, _) => Reduced(image, strength),
        (image, strength, sign) => Blended(image, Grey(image).mean([-2L, -1L], keepdim: true), 1 + sign * strength * Factor),
        (image, strength, sign) => Blended(image, image.min(), 1 + sign * strength * Factor),
        (image, strength, sign) => Blended(image, Smoothed(image), 1 + sign * strength * Factor),
        (image, strength, sign) => Placed(image, [1, (float)(sign * strength * Shear), 0, 0, 1, 0]),
        (image, strength, sign) => Placed(image, [1, 0, 0, (float)(sign * strength * Shear), 1, 0]),
        (image, strength, sign) => Placed(image, [1, 0, (float)(2 * sign * strength * Shift), 0, 1, 0]),
        (image, strength, sign) => Placed(image, [1, 0, 0, 0, 1, (float)(2 * sign * strength * Shift)]),
        // The last one, for three channels alone.
        (image, strength, sign) => Blended(image, Grey(image), 1 + sign * strength * Factor),
    ];

    /// <summary>Applies some operations.</summary>
    /// <param name="image">Values, channel by channel, row by row; replaced.</param>
    /// <param name="shape">Channels, height and width.</param>
    /// <param name="operations">How many.</param>
    /// <param name="magnitude">How strong, 1 to 10.</param>
    /// <param name="random">Draws which, and which way.</param>
    public static void Apply(Span<float> image, IReadOnlyList<int> shape, int operations, int magnitude, Random random)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var values = AlignedTensor.Of(image.ToArray(), [1, shape[0], shape[1], shape[2]], CPU);
        for (var number = 0; number < operations; number++)
        {
            var operation = All[random.Next(shape[0] == 3 ? All.Length : All.Length - 1)];
            values = operation(values, magnitude / MostMagnitude, random.Next(2) == 1 ? 1 : -1);
        }
        values.contiguous().data<float>().CopyTo(image);
    }

    /// <summary>The mean of the channels.</summary>
    private static Tensor Grey(Tensor image) => image.mean([1L], keepdim: true);

    /// <summary>From another image (factor 0) through this one (1) and beyond, within this one's range.</summary>
    private static Tensor Blended(Tensor image, Tensor other, double factor)
        => (other + (image - other) * factor).clamp(image.min(), image.max());

    /// <summary>Every channel over the whole range.</summary>
    private static Tensor Stretched(Tensor image)
    {
        var (low, high) = (image.amin([-2L, -1L], keepdim: true), image.amax([-2L, -1L], keepdim: true));
        return image.min() + (image - low) / (high - low).clamp_min(Least) * (image.max() - image.min());
    }

    /// <summary>Every shade as frequent as every other, as far as that goes: the share of places that are no brighter.</summary>
    private static Tensor Equalized(Tensor image)
    {
        var (low, span) = (image.min(), Span(image));
        var shades = ((image - low) / span * (Shades - 1)).round().to_type(ScalarType.Int64);
        var flat = shades.flatten(2);
        var counts = zeros([1, image.size(1), Shades]).scatter_add(2, flat, ones_like(flat, ScalarType.Float32));
        var below = counts.cumsum(2);
        var first = below.gather(2, flat.amin([2L], keepdim: true));
        var shares = (below.gather(2, flat) - first) / (flat.size(2) - first).clamp_min(1);
        return low + shares.view(image.shape) * (image.max() - low);
    }

    /// <summary>What is brighter than a bound becomes its opposite.</summary>
    private static Tensor Solarized(Tensor image, double strength)
    {
        var (low, high) = (image.min(), image.max());
        return where(image > high - (high - low) * strength, low + high - image, image);
    }

    /// <summary>Fewer shades.</summary>
    private static Tensor Reduced(Tensor image, double strength)
    {
        var steps = Math.Round(Math.Pow(Shades, 1 - strength) * Math.Pow(FewestShades, strength)) - 1;
        var (low, span) = (image.min(), Span(image));
        return low + ((image - low) / span * steps).round() / steps * span;
    }

    private static Tensor Smoothed(Tensor image)
    {
        var weights = ones(3, 3);
        weights[1, 1] = OwnWeight;
        var filter = (weights / weights.sum()).expand(image.size(1), 1, 3, 3);
        return functional.conv2d(functional.pad(image, [1, 1, 1, 1], PaddingModes.Replicate), filter, groups: image.size(1));
    }

    private static Tensor Turned(Tensor image, double angle)
    {
        var (sine, cosine) = ((float)Math.Sin(angle), (float)Math.Cos(angle));
        // Places are told in half extents: an image that is wider than high turns all the same.
        var ratio = (float)image.size(3) / image.size(2);
        return Placed(image, [cosine, -sine / ratio, 0, sine * ratio, cosine, 0]);
    }

    /// <summary>Takes each place from where a matrix of two rows says, in half extents from the middle, between places on a line.</summary>
    private static Tensor Placed(Tensor image, float[] matrix)
    {
        var low = image.min();
        var grid = functional.affine_grid(tensor(matrix, [1, 2, 3]), image.shape, align_corners: false);
        return functional.grid_sample(image - low, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, align_corners: false) + low;
    }

    private static Tensor Span(Tensor image) => (image.max() - image.min()).clamp_min(Least);
}
