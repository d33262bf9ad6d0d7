# Installing: headers, the CMake package, the pkg-config file and the licence.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kew)
set(build_dir ${PROJECT_BINARY_DIR}/package)

if(CMAKE_VERSION VERSION_LESS 3.23)
  install(TARGETS kew EXPORT kew-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
else()
  install(TARGETS kew EXPORT kew-targets FILE_SET HEADERS)
endif()
install(EXPORT kew-targets NAMESPACE kew:: DESTINATION ${package_dir})

file(WRITE ${build_dir}/kew-config.cmake "include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(\${CMAKE_CURRENT_LIST_DIR}/kew-targets.cmake)
")
write_basic_package_version_file(${build_dir}/kew-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${build_dir}/kew-config.cmake ${build_dir}/kew-config-version.cmake DESTINATION ${package_dir})

# Says nothing of the language's version: a flag for it would come after the user's own and overrule it.
file(WRITE ${build_dir}/kew.pc "prefix=\${pcfiledir}/../..
Name: kew
Description: ${PROJECT_DESCRIPTION}
Version: ${PROJECT_VERSION}
Cflags: -I\${prefix}/${CMAKE_INSTALL_INCLUDEDIR} -pthread
Libs: -pthread
")
install(FILES ${build_dir}/kew.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/kew)
